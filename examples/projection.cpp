// SPDX-License-Identifier: MIT
// A projection: one balance for each account, folded live on a thread of its own, and reading your own writes.
#include <must/model/projection.hpp>
#include <must/must.hpp>
#include <must/storage/memory.hpp>

#include <chrono>
#include <iostream>
#include <string>
#include <thread>

struct Deposited {
  static constexpr auto type = "Deposited";
  std::string account;
  int amount;
};
struct Withdrawn {
  static constexpr auto type = "Withdrawn";
  std::string account;
  int amount;
};

struct Balance {
  using events = must::events<Deposited, Withdrawn>;
  int amount = 0;

  static std::string key_of(const auto& event) { return event.account; }
  void apply(const Deposited& deposit) { amount += deposit.amount; }
  void apply(const Withdrawn& withdrawal) { amount -= withdrawal.amount; }
};

struct Deposit {
  std::string account;
  int amount;

  static constexpr auto be_authorized = must::anyone;
  void be_valid() const { must::ensure(amount > 0, "the amount must be positive"); }
  Deposited be_translated_to_events() const { return {account, amount}; }
};

int main() {
  must::memory_store<Deposited, Withdrawn> store;
  must::append(store, Deposited{"alice", 100}, Deposited{"bob", 20}, Withdrawn{"alice", 30});

  auto balances = must::projection<must::keyed<Balance>>(store, "balances");
  std::jthread follows([&](const std::stop_token& stop) { balances.run(stop); });

  const auto done = must::process_command(Deposit{"bob", 5}, store);
  if (!balances.wait_until(done.last, std::chrono::seconds(10))) return 1;

  balances.read([](const must::keyed<Balance>& all) {  // nothing changes meanwhile
    for (const auto* name : {"alice", "bob"}) std::cout << name << ": " << all.find(name)->amount << '\n';
  });
}

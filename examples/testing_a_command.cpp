// SPDX-License-Identifier: MIT
// A command is tested without a store, in any test framework: what fails throws, and says what differs.
#include <must/must.hpp>
#include <must/testing/given.hpp>

#include <iostream>
#include <string>

struct Opened {
  static constexpr auto type = "Opened";
  std::string stream;
};
struct Withdrawn {
  static constexpr auto type = "Withdrawn";
  std::string stream;
  int amount;
};
struct Deposited {
  static constexpr auto type = "Deposited";
  std::string stream;
  int amount;
};

struct Account {
  using events = must::events<Opened, Deposited, Withdrawn>;
  int balance = 0;
  void apply(const Opened&) {}
  void apply(const Deposited& deposit) { balance += deposit.amount; }
  void apply(const Withdrawn& withdrawal) { balance -= withdrawal.amount; }
};

struct Withdraw {
  std::string account;
  int amount;

  auto depends_on() const { return must::stream<Account>(account); }
  static constexpr auto be_authorized = must::anyone;
  void be_valid(const Account& state) const { must::ensure(state.balance >= amount, "the balance is too low"); }
  Withdrawn be_translated_to_events() const { return {account, amount}; }
};

int main() {
  using must::testing::given;

  given(Opened{"a"}, Deposited{"a", 50}).when(Withdraw{"a", 30}).then(Withdrawn{"a", 30});
  given(Opened{"a"}, Deposited{"b", 50}).when(Withdraw{"a", 30}).then_refused<must::invalid>("the balance is too low");
  std::cout << "both hold\n";

  try {
    given(Opened{"a"}, Deposited{"a", 50}).when(Withdraw{"a", 30}).then(Withdrawn{"a", 20});
  } catch (const must::testing::assertion_failed& failure) {
    std::cout << failure.what() << '\n';
  }
}

// SPDX-License-Identifier: MIT
// A bank on SQLite: accounts, transfers by a process manager, statements in a table, and their rebuild as version 2.
//
//   bank [FILE]   without a file the bank is in memory
#include "account.hpp"
#include "statement.hpp"
#include "transfer.hpp"

#include <must/model/view.hpp>

#include <unistd.h>
#include <iomanip>
#include <iostream>
#include <string>

namespace {

const auto bookings = must::query::of<bank::Deposited, bank::Withdrawn>();

// A bar on a terminal; nothing where the output goes elsewhere.
void show(const must::rebuild_progress& now) {
  if (isatty(STDOUT_FILENO) == 0) return;
  const auto part = now.total == 0 ? 1.0 : static_cast<double>(now.done) / static_cast<double>(now.total);
  const auto filled = static_cast<std::size_t>(part * 40);
  std::cout << "\r[" << std::string(filled, '=') << std::string(40 - filled, ' ') << "] " << now.done << " of "
            << now.total << ", " << std::fixed << std::setprecision(0) << now.per_second << " a second, "
            << now.left.count() / 1'000'000 << " s left " << (now.done == now.total ? "\n" : "") << std::flush;
}

void print(must::sqlite_store& store, const std::string& table) {
  // a cell of its own gives a transaction to look in
  const auto before = store.get("bank/prints");
  store.put_with("bank/prints", table, before ? before->revision : 0, [&](must::sqlite_transaction& in) {
    const auto look_up = [&](const std::string& column, const char* account) {
      return bank::run(in.handle, "SELECT " + column + " FROM " + table + " WHERE account = ?1", account);
    };
    for (const auto* account : {"alice", "bob"})
      std::cout << "  " << account << ": " << look_up("balance", account) << " after " << look_up("lines", account)
                << " bookings\n";
  });
}

}  // namespace

int main(int argc, char** argv) try {
  must::sqlite_store store(argc > 1 ? must::sqlite_options{.path = argv[1]}
                                    : must::sqlite_options{.mode = must::sqlite_mode::in_memory});

  for (const auto* name : {"alice", "bob"}) must::process_command(bank::Open{name, name}, store);
  must::process_command(bank::Deposit{"alice", "", 1'000}, store);
  for (int i = 0; i < 50; ++i)
    must::process_command(bank::RequestTransfer{"t" + std::to_string(i), "alice", "bob", 1 + i % 7}, store);
  must::process_command(bank::RequestTransfer{"to-nobody", "alice", "nobody", 10}, store);
  must::process_command(bank::RequestTransfer{"too-much", "bob", "alice", 100'000}, store);

  auto transfers = must::process_manager<bank::Transfer>(store, "transfers");
  while (transfers.run_once() < store.head()) {}
  for (const std::string name : {"alice", "bob"}) {
    const auto account = must::load(store, must::stream<bank::Account>("account/" + name));
    std::cout << name << " has " << account.state.balance << '\n';
  }

  const bank::statement_writer first(1), second(2);
  must::view one(store, {"statement", 1}, bookings, first);
  one.rebuild(show);
  std::cout << "statements, version " << one.active_version() << '\n';
  print(store, first.table());

  must::view two(store, {"statement", 2}, bookings, second);
  two.rebuild(show);
  std::cout << "statements, version " << two.active_version() << '\n';
  print(store, second.table());
} catch (const must::exception& why) {
  std::cerr << why.what() << '\n';
  return 1;
}

// SPDX-License-Identifier: MIT
// Idempotent commands: one that is sent again is answered with what it came to the first time.
#include <must/must.hpp>
#include <must/storage/memory.hpp>

#include <iostream>
#include <string>

struct Paid {
  static constexpr auto type = "Paid";
  std::string stream;
  int amount;
};

struct Pay {
  std::string payment, account;
  int amount;

  std::string command_id() const { return payment; }
  static constexpr auto be_authorized = must::anyone;
  void be_valid() const { must::ensure(amount > 0, "there is nothing to pay"); }
  Paid be_translated_to_events() const { return {account, amount}; }
};

// Has no id of its own: who sends it names the request.
struct Tip {
  std::string account;
  int amount;

  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  Paid be_translated_to_events() const { return {account, amount}; }
};

void show(const char* what, const must::processed<Paid>& done) {
  std::cout << what << ": " << done.events.front().amount << " at position " << done.first
            << (done.replayed ? ", as before\n" : "\n");
}

int main() {
  must::memory_store<Paid> store;
  show("paid", must::process_command(Pay{"p-1", "ann", 5}, store));
  show("again", must::process_command(Pay{"p-1", "ann", 5}, store));
  if (const auto done = must::try_process_command(Pay{"p-1", "ann", 7}, store); !done)
    std::cout << "another amount: " << done.error().message << '\n';

  show("tip", must::process_command(Tip{"ann", 1}, store, must::identified_by{"request-17"}));
  show("again", must::process_command(Tip{"ann", 1}, store, must::identified_by{"request-17"}));
  std::cout << store.head() << " events are stored\n";
}

// error: must: be_valid of the command takes neither \(states\.\.\., options\.\.\.\)
// lines: 16 30
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

struct Account {
  using events = must::events<Done>;
  void apply(const Done&) {}
};
struct Command {
  auto depends_on() const { return must::stream<Account>("a"); }
  static constexpr auto be_authorized = must::anyone;
#ifdef MUST_COMPILE_FAIL
  void be_valid(int, const Account&) const {}
#else
  void be_valid(const Account&, int) const {}
#endif
  Done be_translated_to_events() const { return {}; }
};

void run() { must::process_command(Command{}, store, 5); }

// error: must: depends_on of the command returns none of must::stream, tagged, every, each, all_of nor an optional of the first three
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

struct Account {
  using events = must::events<Done>;
  void apply(const Done&) {}
};
struct Command {
#ifdef MUST_COMPILE_FAIL
  const char* depends_on() const { return "a"; }
#else
  auto depends_on() const { return must::stream<Account>("a"); }
#endif
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  Done be_translated_to_events() const { return {}; }
};

void run() { must::process_command(Command{}, store); }

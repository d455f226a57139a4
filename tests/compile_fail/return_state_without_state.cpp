// error: must: return_state needs a command with depends_on: this one has no state
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

struct State {
  using events = must::events<Done>;
  void apply(const Done&) {}
};
struct Command {
#ifndef MUST_COMPILE_FAIL
  auto depends_on() const { return must::stream<State>("a"); }
#endif
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  Done be_translated_to_events() const { return {}; }
};
void run() { must::process_command(Command{}, store, must::return_state); }

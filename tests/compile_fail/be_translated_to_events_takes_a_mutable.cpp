// error: must: be_translated_to_events of the command takes a parameter by reference to non-const, and gets states and options as const: take it by const&
// lines: 16 30
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

struct Actor {};
struct Command {
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
#ifdef MUST_COMPILE_FAIL
  Done be_translated_to_events(Actor&) const { return {}; }
#else
  Done be_translated_to_events(const Actor&) const { return {}; }
#endif
};

void run(Actor& actor) { must::process_command(Command{}, store, actor); }

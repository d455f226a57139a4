// error: must: be_authorized of the command takes a parameter by reference to non-const, and gets states and options as const: take it by const&
// lines: 16 30
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

struct Actor {};
struct Command {
  static constexpr auto be_valid = must::always;
  Done be_translated_to_events() const { return {}; }
#ifdef MUST_COMPILE_FAIL
  bool be_authorized(Actor&) const { return true; }
#else
  bool be_authorized(const Actor&) const { return true; }
#endif
};

void run(Actor& actor) { must::process_command(Command{}, store, actor); }

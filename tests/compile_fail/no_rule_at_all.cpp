// error: be_authorized\(states.*be_valid\(states.*be_translated_to_events\(states
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

struct Command {
#ifdef MUST_COMPILE_FAIL
#else
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  Done be_translated_to_events() const { return {}; }
#endif
};

void run() { must::process_command(Command{}, store); }

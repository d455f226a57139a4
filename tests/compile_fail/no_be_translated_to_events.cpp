// error: must: the command has no be_translated_to_events\(states\.\.\., options\.\.\.\): add a const member
// lines: 16 30
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

struct Command {
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
#ifdef MUST_COMPILE_FAIL
#else
  Done be_translated_to_events() const { return {}; }
#endif
};

void run() { must::process_command(Command{}, store); }

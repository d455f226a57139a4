// error: must: the command has no be_valid\(states\.\.\., options\.\.\.\): add a const member
// lines: 16 30
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

struct Command {
  static constexpr auto be_authorized = must::anyone;
#ifdef MUST_COMPILE_FAIL
#else
  static constexpr auto be_valid = must::always;
#endif
  Done be_translated_to_events() const { return {}; }
};

void run() { must::process_command(Command{}, store); }

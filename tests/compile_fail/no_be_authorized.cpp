// error: must: the command has no be_authorized\(states\.\.\., options\.\.\.\): add a const member
// lines: 16 30
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

struct Command {
#ifdef MUST_COMPILE_FAIL
#else
  static constexpr auto be_authorized = must::anyone;
#endif
  static constexpr auto be_valid = must::always;
  Done be_translated_to_events() const { return {}; }
};

void run() { must::process_command(Command{}, store); }

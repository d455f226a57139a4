// error: must: be_authorized of the command takes neither \(states\.\.\., options\.\.\.\), \(options\.\.\.\), \(states\.\.\.\) nor \(\)
// lines: 16 30
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

struct Command {
#ifdef MUST_COMPILE_FAIL
  bool be_authorized(const char*) const { return {}; }
#else
  bool be_authorized(int) const { return {}; }
#endif
  static constexpr auto be_valid = must::always;
  Done be_translated_to_events() const { return {}; }
};

void run() { must::process_command(Command{}, store, 5); }

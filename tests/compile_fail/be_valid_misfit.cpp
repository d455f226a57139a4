// error: must: be_valid of the command takes neither \(states\.\.\., options\.\.\.\), \(options\.\.\.\), \(states\.\.\.\) nor \(\)
// lines: 16 30
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

struct Command {
  static constexpr auto be_authorized = must::anyone;
#ifdef MUST_COMPILE_FAIL
  bool be_valid(const char*) const { return {}; }
#else
  bool be_valid(int) const { return {}; }
#endif
  Done be_translated_to_events() const { return {}; }
};

void run() { must::process_command(Command{}, store, 5); }

// error: must: the command has no be_translated_to_events\(states\.\.\., options\.\.\.\)
// lines: 16 30
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

struct Refined {
  static constexpr auto be_valid = must::always;
#ifdef MUST_COMPILE_FAIL
#else
  Done be_translated_to_events() const { return {}; }
#endif
};
struct Command {
  Refined be_authorized() const { return {}; }
  static constexpr auto be_valid = must::always;
  Done be_translated_to_events() const { return {}; }
};

void run() { must::process_command(Command{}, store); }

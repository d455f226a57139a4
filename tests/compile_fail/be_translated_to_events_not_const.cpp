// error: must: be_translated_to_events of the command is not const
// lines: 16 30
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

struct Command {
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
#ifdef MUST_COMPILE_FAIL
  Done be_translated_to_events() { return {}; }
#else
  Done be_translated_to_events() const { return {}; }
#endif
};

void run() { must::process_command(Command{}, store); }

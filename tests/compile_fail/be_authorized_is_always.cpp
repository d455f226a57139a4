// error: must: be_authorized is must::always: that is be_valid's word, write must::anyone
// lines: 16 30
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

struct Command {
#ifdef MUST_COMPILE_FAIL
  static constexpr auto be_authorized = must::always;
#else
  static constexpr auto be_authorized = must::anyone;
#endif
  static constexpr auto be_valid = must::always;
  Done be_translated_to_events() const { return {}; }
};

void run() { must::process_command(Command{}, store); }

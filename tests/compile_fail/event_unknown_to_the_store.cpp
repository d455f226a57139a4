// error: must: the store does not know this event: name it in memory_store<\.\.\.>
// lines: 16 30
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

struct Other {};
struct Command {
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
#ifdef MUST_COMPILE_FAIL
  Other be_translated_to_events() const { return {}; }
#else
  Done be_translated_to_events() const { return {}; }
#endif
};

void run() { must::process_command(Command{}, store); }

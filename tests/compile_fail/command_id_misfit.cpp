// error: must: command_id of the command takes neither \(options\.\.\.\) nor \(\)
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

struct Command {
#ifdef MUST_COMPILE_FAIL
  const char* command_id() { return "id"; }
#else
  const char* command_id() const { return "id"; }
#endif
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  Done be_translated_to_events() const { return {}; }
};

void run() { must::process_command(Command{}, store); }

// error: must: command_digest of the command is not a const function without parameters
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

struct Command {
  const char* command_id() const { return "id"; }
#ifdef MUST_COMPILE_FAIL
  const char* command_digest() { return "digest"; }
#else
  const char* command_digest() const { return "digest"; }
#endif
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  Done be_translated_to_events() const { return {}; }
};

void run() { must::process_command(Command{}, store); }

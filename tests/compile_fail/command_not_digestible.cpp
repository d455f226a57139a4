// error: must: a command with a command_id is compared by its content: make it an aggregate of plain members
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

struct Command {
#ifdef MUST_COMPILE_FAIL
  void* pointer = nullptr;
#else
  int number = 0;
#endif
  const char* command_id() const { return "id"; }
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  Done be_translated_to_events() const { return {}; }
};

void run() { must::process_command(Command{}, store); }

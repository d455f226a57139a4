// error: must: a command with a command_id needs a plain name
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

template <typename T>
struct Command {
  const char* command_id() const { return "id"; }
#ifdef MUST_COMPILE_FAIL
#else
  static constexpr auto type = "command";
#endif
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  Done be_translated_to_events() const { return {}; }
};

void run() { must::process_command(Command<int>{}, store); }

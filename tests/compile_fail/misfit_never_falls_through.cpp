// error: must: be_authorized of the command is not const
// lines: 16 30
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

template <>
struct must::command_traits<must::any> {
  static bool be_authorized(const auto&) { return true; }
};
struct Command {
#ifdef MUST_COMPILE_FAIL
  bool be_authorized() { return false; }
#else
  bool be_authorized() const { return false; }
#endif
  static constexpr auto be_valid = must::always;
  Done be_translated_to_events() const { return {}; }
};

void run() { must::process_command(Command{}, store); }

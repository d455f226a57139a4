// error: must: command_id of the command comes from command_traits<must::any>, and MUST_FORBID_FALLBACKS
// flags: -DMUST_FORBID_FALLBACKS
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

template <>
struct must::command_traits<must::any> {
  static const char* command_id(const auto&) { return "id"; }
};
struct Command {
#ifdef MUST_COMPILE_FAIL
#else
  const char* command_id() const { return "id"; }
#endif
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  Done be_translated_to_events() const { return {}; }
};

void run() { must::process_command(Command{}, store); }

// error: must: be_authorized of the command comes from command_traits<must::any>, and MUST_FORBID_FALLBACKS
// flags: -DMUST_FORBID_FALLBACKS
// lines: 16 30
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

template <>
struct must::command_traits<must::any> {
  static bool be_authorized(const auto&) { return {}; }
};
struct Command {
#ifdef MUST_COMPILE_FAIL
#else
  static constexpr auto be_authorized = must::anyone;
#endif
  static constexpr auto be_valid = must::always;
  Done be_translated_to_events() const { return {}; }
};

void run() { must::process_command(Command{}, store); }

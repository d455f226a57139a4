// error: must: be_translated_to_events of the command comes from command_traits<must::any>, and MUST_FORBID_FALLBACKS
// flags: -DMUST_FORBID_FALLBACKS
// lines: 16 30
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

template <>
struct must::command_traits<must::any> {
  static Done be_translated_to_events(const auto&) { return {}; }
};
struct Command {
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
#ifdef MUST_COMPILE_FAIL
#else
  Done be_translated_to_events() const { return {}; }
#endif
};

void run() { must::process_command(Command{}, store); }

// error: must: depends_on of the command comes from command_traits<must::any>, and MUST_FORBID_FALLBACKS
// flags: -DMUST_FORBID_FALLBACKS
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

template <>
struct must::command_traits<must::any> {
  static auto depends_on(const auto&) { return must::all_of(); }
};
struct Command {
#ifdef MUST_COMPILE_FAIL
#else
  auto depends_on() const { return must::all_of(); }
#endif
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  Done be_translated_to_events() const { return {}; }
};

void run() { must::process_command(Command{}, store); }

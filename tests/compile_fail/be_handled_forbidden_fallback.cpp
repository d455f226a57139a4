// error: must: be_handled of the event comes from command_traits<must::any>, and MUST_FORBID_FALLBACKS
// flags: -DMUST_FORBID_FALLBACKS
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

template <>
struct must::command_traits<must::any> {
  static void be_handled(const auto&) {}
};
struct Event {
#ifdef MUST_COMPILE_FAIL
#else
  void be_handled() const {}
#endif
};
declared_store<Event> events;
struct Command {
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  Event be_translated_to_events() const { return {}; }
};

void run() { must::process_command(Command{}, events); }

// error: must: be_handled of the event takes neither \(options\.\.\.\) nor \(\)
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

struct Event {
#ifdef MUST_COMPILE_FAIL
  void be_handled(const char*) const {}
#else
  void be_handled(int) const {}
#endif
};
declared_store<Event> events;
struct Command {
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  Event be_translated_to_events() const { return {}; }
};

void run() { must::process_command(Command{}, events, 5); }

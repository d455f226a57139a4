// error: must: the previous versions of this event form a cycle
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

struct Event;
struct Old {
#ifdef MUST_COMPILE_FAIL
  using previous = Event;
#endif
  Old() = default;
  explicit Old(const Event&) {}
};
struct Event {
  using previous = Old;
  Event() = default;
  explicit Event(const Old&) {}
};
declared_store<Event> events;
struct Command {
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  Event be_translated_to_events() const { return {}; }
};

void run() { must::process_command(Command{}, events); }

// error: must: a version of this event cannot be made from its previous one: add a constructor that takes it
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

struct Old {};
struct Event {
  using previous = Old;
  Event() = default;
#ifdef MUST_COMPILE_FAIL
#else
  explicit Event(const Old&) {}
#endif
};
declared_store<Event> events;
struct Command {
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  Event be_translated_to_events() const { return {}; }
};

void run() { must::process_command(Command{}, events); }

// error: must: an event is copyable
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

struct Event {
  static constexpr auto type = "Event";
  Event() = default;
  Event(Event&&) = default;
#ifdef MUST_COMPILE_FAIL
#else
  Event(const Event&) = default;
#endif
};
declared_store<> bytes;
template <>
struct must::codec<Event> {
  static payload encode(const ::Event&);
  static ::Event decode(const payload&);
};
struct Command {
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  Event be_translated_to_events() const { return {}; }
};

void run() { must::process_command(Command{}, bytes); }

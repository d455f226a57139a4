// error: must: no codec for this event: include must/codec/json\.hpp
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

struct Event {
  static constexpr auto type = "Event";
};
template <>
struct must::codec<Event> {
  static payload encode(const ::Event&);
  static ::Event decode(const payload&);
};
declared_store<> bytes;
struct Command {
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
#ifdef MUST_COMPILE_FAIL
  Done be_translated_to_events() const { return {}; }
#else
  Event be_translated_to_events() const { return {}; }
#endif
};

void run() { must::process_command(Command{}, bytes); }

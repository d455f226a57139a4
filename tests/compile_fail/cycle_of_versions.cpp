// error: must: the previous versions of this event form a cycle
// SPDX-License-Identifier: MIT
#include "must/decision.hpp"

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
struct State {
  using events = must::events<Event>;
  void apply(const Event&) {}
};
const auto boundary = must::stream<State>("a");

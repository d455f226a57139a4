// error: must: a version of this event cannot be made from its previous one: add a constructor that takes it
// SPDX-License-Identifier: MIT
#include "must/decision.hpp"

struct Old {};
struct Event {
  using previous = Old;
  Event() = default;
#ifdef MUST_COMPILE_FAIL
#else
  explicit Event(const Old&) {}
#endif
};
struct State {
  using events = must::events<Event>;
  void apply(const Event&) {}
};
const auto boundary = must::stream<State>("a");

// error: must: the state has no apply for one of its events: add void apply\(const Event&\)
// SPDX-License-Identifier: MIT
#include "must/decision.hpp"

struct Event {};
struct FromEvent {
  FromEvent(const Event&) {}
};
struct State {
  using events = must::events<Event>;
#ifdef MUST_COMPILE_FAIL
  void apply(const FromEvent&) {}
#else
  void apply(Event) {}
#endif
};
const auto boundary = must::stream<State>("a");

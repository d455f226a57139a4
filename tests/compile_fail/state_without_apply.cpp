// error: must: the state has no apply for one of its events: add void apply\(const Event&\)
// SPDX-License-Identifier: MIT
#include "must/decision.hpp"

struct Event {};
struct Other {};
struct State {
  using events = must::events<Event, Other>;
  void apply(const Event&) {}
#ifdef MUST_COMPILE_FAIL
#else
  void apply(const Other&) {}
#endif
};
const auto boundary = must::stream<State>("a");

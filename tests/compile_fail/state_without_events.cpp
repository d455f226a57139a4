// error: must: a state names its events: using events = must::events<\.\.\.>;
// SPDX-License-Identifier: MIT
#include "must/decision.hpp"

struct Event {};
struct State {
#ifdef MUST_COMPILE_FAIL
#else
  using events = must::events<Event>;
#endif
  void apply(const Event&) {}
};
const auto boundary = must::stream<State>("a");

// error: must: the state has no apply for one of its events: .*const must::event_record&\)
// SPDX-License-Identifier: MIT
#include "must/decision.hpp"

struct Event {};
struct State {
  using events = must::events<Event>;
#ifdef MUST_COMPILE_FAIL
  void apply(const Event&, const must::recorded<must::payload>&) {}
#else
  void apply(const Event&, const must::event_record&) {}
#endif
};
const auto boundary = must::stream<State>("a");

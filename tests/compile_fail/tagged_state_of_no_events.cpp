// error: must: tagged needs a state with events: without their types it would mean every event with these tags
// SPDX-License-Identifier: MIT
#include "must/decision.hpp"

struct State {
  using events = must::events<>;
};
#ifdef MUST_COMPILE_FAIL
const auto boundary = must::tagged<State>("a");
#else
const auto boundary = must::stream<State>("a");
#endif

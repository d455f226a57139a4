// error: must: this event has no plain name: add static constexpr auto type
// SPDX-License-Identifier: MIT
#include "must/event.hpp"

template <typename T>
struct Event {
#ifdef MUST_COMPILE_FAIL
#else
  static constexpr auto type = "event";
#endif
};
constexpr auto name = must::event_type<Event<int>>();

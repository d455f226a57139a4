// error: must: two events of this list share a name, a former or a previous one included
// SPDX-License-Identifier: MIT
#include "must/decision.hpp"

struct Event {
  static constexpr auto type = "event";
};
struct Other {
#ifdef MUST_COMPILE_FAIL
  static constexpr auto former_types = "event";
#else
  static constexpr auto former_types = "other-event";
#endif
};
struct State {
  using events = must::events<Event, Other>;
  void apply(const Event&) {}
  void apply(const Other&) {}
};
const auto boundary = must::stream<State>("a");

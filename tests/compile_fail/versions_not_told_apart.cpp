// error: must: two versions of this event share a name and a schema version: give one a schema_version of its own
// SPDX-License-Identifier: MIT
#include "must/decision.hpp"

struct Old {
  static constexpr auto type = "event";
};
struct Event {
  using previous = Old;
  static constexpr auto type = "event";
#ifdef MUST_COMPILE_FAIL
  static constexpr int schema_version = 1;
#else
  static constexpr int schema_version = 2;
#endif
  explicit Event(const Old&) {}
};
struct State {
  using events = must::events<Event>;
  void apply(const Event&) {}
};
const auto boundary = must::stream<State>("a");

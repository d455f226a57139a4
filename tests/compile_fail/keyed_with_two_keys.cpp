// error: must: key_of of the state of keyed<> returns another type of key for one of its events
// SPDX-License-Identifier: MIT
#include "must/model/keyed.hpp"

struct Event {
  int key;
};
struct Other {};
struct Total {
  using events = must::events<Event, Other>;
  static int key_of(const Event& event) { return event.key; }
#ifdef MUST_COMPILE_FAIL
  static long key_of(const Other&) { return 0; }
#else
  static std::vector<int> key_of(const Other&) { return {}; }
#endif
  void apply(const Event&) {}
  void apply(const Other&) {}
};
const auto boundary = must::every<must::keyed<Total>>();

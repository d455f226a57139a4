// error: must: the state of keyed<> has no key_of for one of its events: add static Key key_of\(const Event&\)
// SPDX-License-Identifier: MIT
#include "must/model/keyed.hpp"

struct Event {
  int key;
};
struct Other {};
struct Total {
  using events = must::events<Event, Other>;
  static int key_of(const Event& event) { return event.key; }
  void apply(const Event&) {}
  void apply(const Other&) {}
#ifndef MUST_COMPILE_FAIL
  static int key_of(const Other&) { return 0; }
#endif
};
const auto boundary = must::every<must::keyed<Total>>();

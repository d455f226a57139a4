// error: must: type of this event is no static text: make it static constexpr auto type = "...";, or give the member another name
// lines: 16 30
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

#include "must/append.hpp"

struct Event {
#ifdef MUST_COMPILE_FAIL
  std::string type{};
#else
  static constexpr auto type = "Event";
#endif
};
declared_store<Event> events;

void run() { must::append(events, Event{}); }

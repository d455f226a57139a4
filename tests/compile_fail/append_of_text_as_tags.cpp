// error: must: tags of this event are neither a range of texts nor a const function that returns one
// lines: 16 30
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

#include "must/append.hpp"

struct Event {
#ifdef MUST_COMPILE_FAIL
  std::string tags{};
#else
  std::vector<std::string> tags{};
#endif
};
declared_store<Event> events;

void run() { must::append(events, Event{}); }

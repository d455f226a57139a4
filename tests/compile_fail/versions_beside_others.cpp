// error: must: two events of a memory_store share a name, and neither is a previous version of the other
// SPDX-License-Identifier: MIT
#include "must/storage/memory.hpp"

struct Event {
  static constexpr auto type = "event";
};
struct Other {
#ifdef MUST_COMPILE_FAIL
  static constexpr auto type = "event";
#else
  static constexpr auto type = "other";
#endif
};
must::memory_store<Event, Other> store;

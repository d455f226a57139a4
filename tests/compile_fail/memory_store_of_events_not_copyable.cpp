// error: must: the events of a memory_store are copyable
// SPDX-License-Identifier: MIT
#include "must/storage/memory.hpp"

struct Event {
#ifdef MUST_COMPILE_FAIL
  Event(const Event&) = delete;
#endif
};

void run(const must::memory_store<Event>& store) { (void)store.head(); }

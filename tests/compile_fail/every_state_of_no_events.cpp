// error: must: every needs a state with events: without their types it would mean every event of the store
// SPDX-License-Identifier: MIT
#include "must/must.hpp"

struct Nothing {
#ifdef MUST_COMPILE_FAIL
  using events = must::events<>;
#else
  struct Event {};
  using events = must::events<Event>;
  void apply(const Event&) {}
#endif
};

auto run() { return must::every<Nothing>(); }

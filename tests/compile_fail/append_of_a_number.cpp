// error: must: append takes the store first and then events: an event is a class
// lines: 16 30
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

#include "must/append.hpp"

void run() {
#ifdef MUST_COMPILE_FAIL
  must::append(store, 5);
#else
  must::append(store, Done{});
#endif
}

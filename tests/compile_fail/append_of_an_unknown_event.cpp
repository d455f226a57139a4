// error: must: the store does not know this event: name it in memory_store<\.\.\.>
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"
#include "must/append.hpp"

struct Other {};

void run() {
#ifdef MUST_COMPILE_FAIL
  must::append(store, Other{});
#else
  must::append(store, Done{});
#endif
}

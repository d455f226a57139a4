// error: must: the first argument of append is not a Storage: append\(store, events...\)
// lines: 16 30
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

#include "must/append.hpp"

void run() {
#ifdef MUST_COMPILE_FAIL
  must::append(Done{}, store);
#else
  must::append(store, Done{});
#endif
}

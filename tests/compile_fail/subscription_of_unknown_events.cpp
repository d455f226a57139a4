// error: must: the handler does not say which events it takes: add a query before it
// lines: 16 30
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"
#include "must/storage/memory.hpp"
#include "must/subscription.hpp"

void run(must::memory_store<>& cells) {
#ifdef MUST_COMPILE_FAIL
  must::subscription follows(cells, "one", [](const auto&) {});
#else
  must::subscription follows(cells, "one", must::query::all(), [](const auto&) {});
#endif
  follows.run(std::stop_token());
}

// error: must: the handler takes neither \(const recorded<data_type>&\) nor \(transaction&
// lines: 16 30
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"
#include "must/model/view.hpp"
#include "must/storage/memory.hpp"

void run(must::memory_store<>& cells) {
#ifdef MUST_COMPILE_FAIL
  must::view follows(cells, {"one", 1}, must::query::all(), [](int) {});
#else
  must::view follows(cells, {"one", 1}, must::query::all(), [](const auto&) {});
#endif
  follows.run(std::stop_token());
}

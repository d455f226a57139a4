// error: must: name the events to visit: record\.visit<A, B>\(visitor\)
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"
#include "must/load.hpp"

bool run(const must::stored_event<must::payload>& record) {
#ifdef MUST_COMPILE_FAIL
  return record.visit([](const auto&) {});
#else
  return record.visit<Done>([](const auto&) {});
#endif
}
template <>
struct must::codec<Done> {
  static payload encode(const Done&);
  static Done decode(const payload&);
};

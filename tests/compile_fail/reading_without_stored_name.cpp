// error: must: this event is stored as bytes under a name that outlives its struct: add static constexpr auto type = "..."; to it
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

#include "must/load.hpp"

struct Closed {
#ifndef MUST_COMPILE_FAIL
  static constexpr auto type = "Closed";
#endif
};
template <>
struct must::codec<Closed> {
  static payload encode(const Closed&);
  static Closed decode(const payload&);
};
bool run(const must::stored_event<must::payload>& record) { return record.as<Closed>().has_value(); }

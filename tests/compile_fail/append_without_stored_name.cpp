// error: must: this event is stored as bytes under a name that outlives its struct: add static constexpr auto type = "..."; to it
// lines: 16 30
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

#include "must/append.hpp"

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
declared_store<> durable;

void run() { must::append(durable, Closed{}); }

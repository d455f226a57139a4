// error: must: this event is stored as bytes under a name that outlives its struct: add static constexpr auto type = "..."; to it
// lines: 16 30
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

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
struct Close {
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  Closed be_translated_to_events() const { return {}; }
};
declared_store<> durable;

void run() { must::process_command(Close{}, durable); }

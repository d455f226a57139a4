// error: must: no codec for this event: include must/codec/json\.hpp
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"
#include "must/load.hpp"

struct Event {
  static constexpr auto type = "Event";
};
template <>
struct must::codec<Event> {
  static payload encode(const ::Event&);
  static ::Event decode(const payload&);
};
struct State {
#ifdef MUST_COMPILE_FAIL
  using events = must::events<Done>;
  void apply(const Done&) {}
#else
  using events = must::events<Event>;
  void apply(const Event&) {}
#endif
};
declared_store<> bytes;
const auto loaded = must::load(bytes, must::stream<State>("a"));

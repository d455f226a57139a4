// error: must: the state has made_for, and every names no key: give it a stream or a tag, or use keyed<>
// SPDX-License-Identifier: MIT
#include "must/decision.hpp"

struct Event {};
struct State {
  using events = must::events<Event>;
  void apply(const Event&) {}
  void made_for(const std::string&) {}
};
#ifdef MUST_COMPILE_FAIL
const auto boundary = must::every<State>();
#else
const auto boundary = must::stream<State>("a");
#endif

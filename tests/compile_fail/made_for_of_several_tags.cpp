// error: must: the state has made_for, and several tags are no key: give it one tag
// SPDX-License-Identifier: MIT
#include "must/decision.hpp"

struct Event {};
struct State {
  using events = must::events<Event>;
  void apply(const Event&) {}
  void made_for(const std::string&) {}
};
#ifdef MUST_COMPILE_FAIL
const auto boundary = must::tagged<State>("a", "b");
#else
const auto boundary = must::tagged<State>("a");
#endif

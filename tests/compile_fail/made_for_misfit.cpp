// error: must: made_for of the state does not take its key: make it void made_for\(const std::string&\)
// SPDX-License-Identifier: MIT
#include "must/decision.hpp"

struct Event {};
struct State {
  using events = must::events<Event>;
  void apply(const Event&) {}
#ifdef MUST_COMPILE_FAIL
  void made_for(int) {}
#else
  void made_for(std::string_view) {}
#endif
};
const auto boundary = must::stream<State>("a");

// error: must: a state is default-constructible
// SPDX-License-Identifier: MIT
#include "must/decision.hpp"

struct Event {};
struct State {
  using events = must::events<Event>;
#ifdef MUST_COMPILE_FAIL
  explicit State(int) {}
#else
  State() = default;
#endif
  void apply(const Event&) {}
};
const auto boundary = must::stream<State>("a");

// error: must: made_for of the state does not take its key: .* of keyed<> void made_for\(const Key&\)
// SPDX-License-Identifier: MIT
#include "must/model/keyed.hpp"

struct Event {};
struct State {
  using events = must::events<Event>;
  static int key_of(const Event&) { return 0; }
  void apply(const Event&) {}
#ifdef MUST_COMPILE_FAIL
  void made_for(const std::string&) {}
#else
  void made_for(int) {}
#endif
};
const auto boundary = must::every<must::keyed<State>>();

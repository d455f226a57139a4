// error: must: the state of this projection has made_for, and there is no key to tell: use keyed<>
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"
#include "must/model/projection.hpp"

struct State {
  using events = must::events<Done>;
  void apply(const Done&) {}
#ifdef MUST_COMPILE_FAIL
  void made_for(const std::string&) {}
#endif
};

auto view = must::projection<State>(store, "view");

// error: must: name the events that the handler takes: handler_of<A, B>\(function\)
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"
#include "must/subscription/handler_of.hpp"

auto run() {
#ifdef MUST_COMPILE_FAIL
  return must::handler_of([](const auto&) {});
#else
  return must::handler_of<Done>([](const auto&) {});
#endif
}

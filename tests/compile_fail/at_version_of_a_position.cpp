// error: must: a number such as a position is no version: must::version\(number\) makes a version of it
// lines: 12 15
// SPDX-License-Identifier: MIT
#include "must/decision.hpp"
#include "must/processed.hpp"

struct Saved {};
struct Page {
  using events = must::events<Saved>;
  void apply(const Saved&) {}
};
const must::processed<Saved> done;
#ifdef MUST_COMPILE_FAIL
const auto boundary = must::stream<Page>("a").at_version(done.last);
#else
const auto boundary = must::stream<Page>("a").at_version(3);
#endif

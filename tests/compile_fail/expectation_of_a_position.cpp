// error: must: a number such as a position is no version: must::version\(number\) makes a version of it
// lines: 12 15
// SPDX-License-Identifier: MIT
#include "must/query.hpp"

const must::appended done{7, 7};
#ifdef MUST_COMPILE_FAIL
const auto expected = must::stream_expectation::exactly("a", done.last);
#else
const auto expected = must::stream_expectation::exactly("a", must::version(2U));
#endif

// error: must: this event is none of those that are kept here
// SPDX-License-Identifier: MIT
#include "must/one_of.hpp"

struct Opened {};
struct Closed {};
#ifdef MUST_COMPILE_FAIL
using asked = Closed;
#else
using asked = Opened;
#endif

bool run(const must::one_of<Opened>& data) { return data.get_if<asked>() != nullptr; }

// error: must: the value has parts that cannot be compared by content
// SPDX-License-Identifier: MIT
#include "must/detail/digest.hpp"

struct Value {
#ifdef MUST_COMPILE_FAIL
  void* pointer = nullptr;
#else
  int number = 0;
#endif
};

std::string run() { return must::detail::content_digest(Value{}); }

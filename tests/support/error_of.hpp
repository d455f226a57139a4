// SPDX-License-Identifier: MIT
// The error of what a call throws.
#pragma once

#include "must/error.hpp"

#include "support/catch.hpp"

namespace must_test {

// Fails the test where `call` throws no Exception.
template <typename Exception = must::exception, typename Call>
must::error error_of(Call&& call) {
  try {
    call();
  } catch (const Exception& why) {
    return why.error();
  }
  FAIL("nothing was thrown");
  return {};
}

}  // namespace must_test

// SPDX-License-Identifier: MIT
// A test that lacks something says why it is skipped.
#pragma once

#include "catch.hpp"
#include "servers/expected.hpp"

#include <string>

namespace must_test {

// The test returns after this. It fails where `what` has been installed for it.
inline void skip(const std::string& reason, const std::string& what = {}) {
  if (is_expected(what)) FAIL("not skipped, since " << what << " is expected: " << reason);
  WARN("skipped: " << reason);
}

}  // namespace must_test

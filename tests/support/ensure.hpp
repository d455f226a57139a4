// SPDX-License-Identifier: MIT
// What a test needs to be so, on whichever thread: Catch2's own assertions stand on the thread of the test alone.
#pragma once

#include <stdexcept>
#include <string>

namespace must_test {

inline void ensure(bool is_so, const std::string& what) {
  if (!is_so) throw std::runtime_error("the test could not do what it needs: " + what);
}

}  // namespace must_test

// SPDX-License-Identifier: MIT
// Whether what a test needs has been installed for it, so that the test may not be skipped.
#pragma once

#include <cstdlib>
#include <sstream>
#include <string>

namespace must_test {

// MUST_EXPECTED names what is expected, such as "postgresql pgbouncer".
inline bool is_expected(const std::string& what) {
  const char* const given = std::getenv("MUST_EXPECTED");
  std::istringstream names(given != nullptr ? given : "");
  for (std::string name; names >> name;)
    if (name == what) return true;
  return false;
}

}  // namespace must_test

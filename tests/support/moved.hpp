// SPDX-License-Identifier: MIT
// An event that moves an amount into an account, for tests of states.
#pragma once

#include "must/codec/json.hpp"

#include <string>
#include <vector>

namespace must_test {

struct Moved {
  static constexpr auto type = "moved";
  std::string stream;
  int amount = 0;
  std::vector<std::string> tags{};
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Moved, stream, amount, tags)

}  // namespace must_test

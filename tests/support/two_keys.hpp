// SPDX-License-Identifier: MIT
// Two keys whose events are in different ones of two lanes.
#pragma once

#include "must/subscription.hpp"

#include <string>

namespace must_test {

struct two_keys {
  std::string slow = "slow", quick = "quick";
  two_keys() {
    const auto lane = [](const std::string& key) { return must::detail::following::lane_of(key, 1, 2); };
    while (lane(quick) == lane(slow)) quick += "er";
  }
};

}  // namespace must_test

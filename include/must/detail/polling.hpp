// SPDX-License-Identifier: MIT
// How often to look at a store that cannot wake who waits.
#pragma once

#include "must/fwd.hpp"
#include "must/timestamp.hpp"

#include <algorithm>
#include <cstdint>

namespace must::detail {

// Soon after something has come, then each time after twice as long, up to `longest`.
class polling {
 public:
  explicit polling(duration longest) : longest_(longest) {}

  // How long to wait before the next look; `at` is what has been read.
  [[nodiscard]] duration next(position at) {
    const auto shortest = std::max<std::int64_t>(longest_.microseconds / 64, 1);
    wait_ = duration(at == at_ ? std::min(2 * wait_.microseconds, longest_.microseconds) : shortest);
    at_ = at;
    return wait_;
  }

 private:
  duration longest_;
  duration wait_{1};
  position at_ = 0;
};

}  // namespace must::detail

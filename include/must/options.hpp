// SPDX-License-Identifier: MIT
// must's own options of process_command; metadata, the third, stands in record.hpp.
#pragma once

#include "must/timestamp.hpp"

namespace must {

/// How often a command is tried at the most when others append in between: 1 or more; 16 by default.
struct retries {
  unsigned count = 16;
};

/// How long a command is tried again after conflicts and unknown outcomes: 2 s by default, measured to some 10 ms.
/// `must::deadline{std::chrono::milliseconds(500)}`. A try that has begun is not cut off.
struct deadline {
  duration after{2'000'000};
};

}  // namespace must

// SPDX-License-Identifier: MIT
// A cheap monotonic clock, and a jittered pause between attempts.
#pragma once

#include "must/uuid.hpp"

#include <time.h>
#include <cerrno>
#include <cstdint>

namespace must::detail {

inline std::int64_t coarse_microseconds() {
  ::timespec now{};
#if defined(CLOCK_MONOTONIC_COARSE)
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
#else
  ::clock_gettime(CLOCK_MONOTONIC, &now);
#endif
  return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1'000;
}

inline void pause_for(std::int64_t microseconds) {
  ::timespec rest{microseconds / 1'000'000, microseconds % 1'000'000 * 1'000};
  while (::nanosleep(&rest, &rest) != 0 && errno == EINTR) {}
}

// Pauses with full jitter: for any time from 0 to a bound that doubles with each attempt, 50 us to 25 ms.
inline void back_off(unsigned attempt) {
  const auto bound = std::uint64_t{50} << (attempt < 9 ? attempt : 9U);
  pause_for(static_cast<std::int64_t>(random_source::of_this_thread()() % bound));
}

}  // namespace must::detail

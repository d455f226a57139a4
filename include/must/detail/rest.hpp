// SPDX-License-Identifier: MIT
// A pause that a stop request ends, and spans of time that no clock overflows by.
#pragma once

#include "must/timestamp.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stop_token>

namespace must::detail {

// Returns a span of time that a clock can be moved by: a longer one than a century is taken for a century.
inline std::chrono::microseconds bounded(duration span, std::int64_t least = 0) {
  return std::chrono::microseconds(std::clamp(span.microseconds, least, longest_span));
}
// Sleeps until a stop is requested, or the time has passed.
inline void rest(duration span, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, stop, bounded(span), [] { return false; });
}

}  // namespace must::detail

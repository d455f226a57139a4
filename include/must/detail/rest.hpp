// SPDX-License-Identifier: MIT
// A pause that a stop request ends.
#pragma once

#include "must/timestamp.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>

namespace must::detail {

// Sleeps until a stop is requested, or the time has passed.
inline void rest(duration span, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, stop, std::chrono::microseconds(span), [] { return false; });
}

}  // namespace must::detail

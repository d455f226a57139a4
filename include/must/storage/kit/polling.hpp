// SPDX-License-Identifier: MIT
// Waits for the next event of a store, whether or not the store can wake a thread that waits.
#pragma once

#include "must/detail/rest.hpp"
#include "must/fwd.hpp"
#include "must/storage.hpp"
#include "must/storage/waitable.hpp"
#include "must/timestamp.hpp"

#include <algorithm>
#include <cstdint>
#include <stop_token>

namespace must::kit {

/// Waits for the next event of any store. A store that cannot wake a thread is read soon after an event has come, and
/// then each time after twice as long. One thread uses it at a time.
class polling {
 public:
  /// Takes the longest time between two reads.
  explicit polling(duration longest) : longest_(longest) {}

  /// Returns when there may be an event after `at`, when `most` has passed, or when a stop is requested.
  template <Storage S>
  void wait(S& storage, position at, duration most, const std::stop_token& stop) {
    if constexpr (WaitableStorage<S>)
      static_cast<void>(storage.wait_for(at + 1, most, stop));
    else
      detail::rest(std::min(next(at), most), stop);
  }

  /// Returns the time to wait before the next read. `at` is the position up to which the store has been read.
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

}  // namespace must::kit

// SPDX-License-Identifier: MIT
// Waiting for a position: woken by this process, looking now and then for others.
#pragma once

#include "must/fwd.hpp"
#include "must/timestamp.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stop_token>

namespace must::detail::sqlite {

class wake_up {
 public:
  // For who has committed up to `last`.
  void publish(position last) {
    {
      const std::lock_guard lock(mutex_);
      seen_ = std::max(seen_, last);
      if (waiting_ == 0) return;
    }
    changed_.notify_all();
  }
  // `look()` gives the head as it is stored. It is called every `interval`, under no lock.
  template <typename Look>
  bool wait(position until, duration timeout, duration interval, const std::stop_token& stop, Look&& look) {
    using clock = std::chrono::steady_clock;
    const auto within = [](duration span, std::int64_t least) {
      return std::chrono::microseconds(std::clamp<std::int64_t>(span.microseconds, least, longest_span));
    };
    const auto end = clock::now() + within(timeout, 0);
    const auto step = within(interval, 100);
    for (;;) {
      if (look() >= until) return true;
      const auto now = clock::now();
      if (now >= end || stop.stop_requested()) return false;
      std::unique_lock lock(mutex_);
      ++waiting_;
      const auto next_look = std::min<clock::time_point>(end, now + step);
      const bool there = changed_.wait_until(lock, stop, next_look, [&] { return seen_ >= until; });
      --waiting_;
      if (there) return true;
    }
  }

 private:
  std::mutex mutex_{};
  std::condition_variable_any changed_{};
  position seen_ = 0;
  int waiting_ = 0;
};

}  // namespace must::detail::sqlite

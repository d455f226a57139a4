// SPDX-License-Identifier: MIT
// How far a subscription is, for the threads that watch it.
#pragma once

#include "must/fwd.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>

namespace must::detail::following {

class progress {
 public:
  std::atomic<std::uint64_t> handled{0}, retries{0}, skipped{0}, parked{0}, in_flight{0};
  std::atomic<position> saved{0};
  std::atomic<bool> running{false};

  [[nodiscard]] position scanned() const { return scanned_.load(std::memory_order_acquire); }
  // Costs a store while nobody waits.
  void advance(position to) {
    scanned_.store(to, std::memory_order_release);
    if (waiting_.load(std::memory_order_relaxed) == 0) return;
    { const std::lock_guard lock(mutex_); }
    changed_.notify_all();
  }
  // Looks again now and then, as advance does not see a waiter that has just come.
  bool wait_until(position at, std::chrono::microseconds longest) {
    const auto end = std::chrono::steady_clock::now() + longest;
    std::unique_lock lock(mutex_);
    ++waiting_;
    while (scanned() < at) {
      const auto now = std::chrono::steady_clock::now();
      if (now >= end) break;
      changed_.wait_until(lock, std::min(end, now + std::chrono::milliseconds(1)));
    }
    --waiting_;
    return scanned() >= at;
  }

  // Called now and then: notes whether anything has been done since the last time.
  void look() {
    const auto at = scanned();
    if (looked_at_.exchange(at) != at || !running) moved_ = now();
  }
  // Since when nothing has been done.
  [[nodiscard]] std::chrono::microseconds idle_for() const {
    return running ? std::chrono::microseconds(now() - moved_.load()) : std::chrono::microseconds(0);
  }
  void note_error(std::string text) {
    const std::lock_guard lock(mutex_);
    last_error_ = std::move(text);
  }
  [[nodiscard]] std::string last_error() const {
    const std::lock_guard lock(mutex_);
    return last_error_;
  }

 private:
  static std::int64_t now() {
    const auto since = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::microseconds>(since).count();
  }
  std::atomic<position> scanned_{0}, looked_at_{0};
  std::atomic<std::int64_t> moved_{now()};
  std::atomic<int> waiting_{0};
  mutable std::mutex mutex_{};
  std::condition_variable changed_{};
  std::string last_error_{};
};

}  // namespace must::detail::following

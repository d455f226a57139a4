// SPDX-License-Identifier: MIT
// How far a subscription has come, for the threads that watch it.
#pragma once

#include "must/detail/rest.hpp"
#include "must/fwd.hpp"
#include "must/subscription/wait_outcome.hpp"
#include "must/timestamp.hpp"

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
  std::atomic<std::uint64_t> handled{0}, retries{0}, skipped{0}, in_flight{0};
  std::atomic<position> saved{0};
  std::atomic<bool> running{false};

  [[nodiscard]] position scanned() const { return scanned_.load(std::memory_order_acquire); }
  // Notes how far it is. It costs a store while nobody waits.
  void advance(position to) {
    scanned_.store(to, std::memory_order_release);
    if (waiting_.load(std::memory_order_relaxed) == 0) return;
    { const std::lock_guard lock(mutex_); }
    changed_.notify_all();
  }
  // Notes what is parked now: how many events, how many wait behind them, and where the first of all is.
  void set_parked(std::uint64_t count, std::uint64_t waiting, position first) {
    parked_ = count;
    waiting_behind_ = waiting;
    first_parked_ = first;
    { const std::lock_guard lock(mutex_); }
    changed_.notify_all();
  }
  void add_waiting() { ++waiting_behind_; }
  [[nodiscard]] std::uint64_t parked() const { return parked_; }
  [[nodiscard]] std::uint64_t waiting_behind() const { return waiting_behind_; }

  // Waits. It looks again now and then, as advance does not see a waiter that has just come.
  wait_outcome wait_until(position at, duration longest) {
    const auto is_parked = [&] {
      const auto first = first_parked_.load();
      return first != 0 && first <= at;
    };
    const auto end = std::chrono::steady_clock::now() + bounded(longest);
    std::unique_lock lock(mutex_);
    ++waiting_;
    while (scanned() < at && !is_parked()) {
      const auto now = std::chrono::steady_clock::now();
      if (now >= end) break;
      changed_.wait_until(lock, std::min(end, now + std::chrono::milliseconds(1)));
    }
    --waiting_;
    const bool is_scanned = scanned() >= at;  // This comes before the look at what is parked, which is told first.
    if (is_parked()) return {wait_outcome::kind::parked, first_parked_};
    return {is_scanned ? wait_outcome::kind::handled : wait_outcome::kind::timed_out, 0};
  }

  // Notes whether anything has been done since the last call. It is called now and then.
  void look() {
    const auto at = scanned();
    if (looked_at_.exchange(at) != at || !running) moved_ = now();
  }
  // Notes that there is nothing to do at the moment.
  void touch() { moved_ = now(); }
  // Returns for how long there was something to do, and nothing has been done.
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
  std::atomic<position> scanned_{0}, looked_at_{0}, first_parked_{0};
  std::atomic<std::uint64_t> parked_{0}, waiting_behind_{0};
  std::atomic<std::int64_t> moved_{now()};
  std::atomic<int> waiting_{0};
  mutable std::mutex mutex_{};
  std::condition_variable changed_{};
  std::string last_error_{};
};

}  // namespace must::detail::following

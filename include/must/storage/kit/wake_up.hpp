// SPDX-License-Identifier: MIT
// Waits for a position. Threads are woken by this process, and one of them looks now and then for others.
#pragma once

#include "must/detail/rest.hpp"
#include "must/fwd.hpp"
#include "must/timestamp.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>

namespace must::kit {

/// Wakes the threads that wait for a store to come to a position. Any number of threads may use one.
///
/// Of the threads that wait, one looks on behalf of all, so that idle waiting costs the same however many wait.
class wake_up {
 public:
  wake_up() = default;
  wake_up(const wake_up&) = delete;
  wake_up& operator=(const wake_up&) = delete;

  /// Tells the threads that wait that the store has come to `last`. It costs an atomic exchange when no thread waits.
  void publish(position last) {
    auto seen = seen_.load(std::memory_order_relaxed);
    do
      if (seen >= last) return;
    while (!seen_.compare_exchange_weak(seen, last));
    if (waiting_.load() == 0) return;
    { const std::lock_guard lock(mutex_); }
    changed_.notify_all();
  }
  /// Returns the last position that was published.
  [[nodiscard]] position seen() const noexcept { return seen_.load(); }
  /// Returns whether a thread waits.
  [[nodiscard]] bool is_awaited() const noexcept { return waiting_.load() != 0; }

  /// Waits until the store has come to `until`. Returns false when the timeout has passed, or a stop was requested.
  ///
  /// `look()` returns the head of the store as it is stored. It is called once by each thread, before it waits, then
  /// every `interval` by one of them, and under no lock. What it throws passes through. A store that was restored
  /// stands before what was published: what `look()` returns is believed.
  template <typename Look>
  bool wait(position until, duration timeout, duration interval, const std::stop_token& stop, Look&& look) {
    using clock = std::chrono::steady_clock;
    const auto end = clock::now() + detail::bounded(timeout);
    const auto is_there = [&] { return seen_.load() >= until; };
    const counted here(waiting_);
    look_again(look);
    if (is_there()) return true;
    std::unique_lock lock(mutex_);
    while (!is_there() && clock::now() < end && !stop.stop_requested()) {
      if (is_looked_for_) {
        changed_.wait_until(lock, stop, end, [&] { return is_there() || !is_looked_for_; });
        continue;
      }
      const turn mine(*this, lock);
      while (!is_there() && clock::now() < end && !stop.stop_requested()) {
        if (changed_.wait_until(
                lock, stop, std::min<clock::time_point>(end, clock::now() + detail::bounded(interval, 100)), is_there))
          break;
        lock.unlock();
        look_again(look);
        lock.lock();
      }
    }
    return is_there();
  }

 private:
  template <typename Look>
  void look_again(Look& look) {
    auto before = seen_.load();
    const position found = look();
    if (found < before)
      seen_.compare_exchange_strong(before, found);  // A position that was published meanwhile is newer.
    else
      publish(found);
  }
  struct counted {
    explicit counted(std::atomic<int>& count) : of(count) { ++of; }
    counted(const counted&) = delete;
    counted& operator=(const counted&) = delete;
    ~counted() { --of; }
    std::atomic<int>& of;
  };
  // The thread that looks for all. When it ends, another takes over.
  struct turn {
    turn(wake_up& whose, std::unique_lock<std::mutex>& held) : of(whose), lock(held) { of.is_looked_for_ = true; }
    turn(const turn&) = delete;
    turn& operator=(const turn&) = delete;
    ~turn() {
      if (!lock.owns_lock()) lock.lock();
      of.is_looked_for_ = false;
      of.changed_.notify_all();
    }
    wake_up& of;
    std::unique_lock<std::mutex>& lock;
  };

  std::mutex mutex_{};
  std::condition_variable_any changed_{};
  std::atomic<position> seen_{0};
  std::atomic<int> waiting_{0};
  bool is_looked_for_ = false;
};

}  // namespace must::kit

// SPDX-License-Identifier: MIT
// Lanes: events of different keys on threads side by side, and those of one key one after another.
#pragma once

#include "must/config.hpp"  // IWYU pragma: keep
#include "must/fwd.hpp"
#include "must/subscription/anchor.hpp"
#include "must/subscription/progress.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <utility>
#include <vector>

namespace must::detail::following {

// Keeps, in order, every event that was pushed and is not released yet, which are those above the checkpoint.
template <typename Event>
class lane_pool {
 public:
  // Handles some events of a lane, in order, up to `most` at once. Returns false when it was interrupted.
  using handler = std::function<bool(std::size_t which, std::span<const Event* const> events)>;

  // Everything at or below `handled` is handled.
  lane_pool(std::size_t lanes, std::size_t most, const anchor& handled, progress& progress, handler handle)
      : most_(most), progress_(progress), handle_(std::move(handle)), finished_(handled), read_to_(handled) {
    for (std::size_t i = 0; i < lanes; ++i) lanes_.push_back(std::make_unique<lane>());
    try {
      for (std::size_t i = 0; i < lanes; ++i) lanes_[i]->thread = std::thread([this, i] { serve(i); });
    } catch (...) {  // The machine gives no more threads.
      end();
      throw;
    }
  }
  lane_pool(const lane_pool&) = delete;
  lane_pool& operator=(const lane_pool&) = delete;
  // Waits for the handlers that run. What they have not begun stays unfinished.
  ~lane_pool() { end(); }
  void end() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    for (auto& one : lanes_) one->wake.notify_all();
    for (auto& one : lanes_)
      if (one->thread.joinable()) one->thread.join();
  }

  void push(const Event& event, std::size_t which) {
    const std::lock_guard lock(mutex_);
    order_.push_back(std::make_unique<slot>(event));
    read_to_ = anchor_of(event);
    progress_.in_flight = order_.size() - prefix_;
    lanes_[which]->waiting.push_back(order_.back().get());
    lanes_[which]->wake.notify_one();
  }
  // Notes that nothing more comes at or below a position.
  void read_to(anchor at) {
    const std::lock_guard lock(mutex_);
    read_to_ = std::move(at);
    report();
  }
  // Returns the position at or below which everything is handled.
  [[nodiscard]] anchor handled() const {
    const std::lock_guard lock(mutex_);
    return prefix_ == order_.size() ? read_to_ : finished_;
  }
  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return order_.size();
  }
  // Returns whether everything that was pushed is handled.
  [[nodiscard]] bool is_idle() const {
    const std::lock_guard lock(mutex_);
    return prefix_ == order_.size();
  }
  // Forgets what the checkpoint covers.
  void release(position saved) {
    const std::lock_guard lock(mutex_);
    for (; prefix_ > 0 && order_.front()->event.position <= saved; --prefix_) order_.pop_front();
  }
  // Waits until `enough(finished at the front, all)`, or the time has passed. Returns whether it was enough. Throws
  // what a handler threw.
  template <typename Enough>
  bool wait(std::chrono::microseconds longest, Enough&& enough) {
    std::unique_lock lock(mutex_);
    const auto is_over = [&] { return failure_ != nullptr || enough(prefix_, order_.size()); };
    const bool there = changed_.wait_for(lock, longest, is_over);
    if (failure_) std::rethrow_exception(failure_);
    return there;
  }

 private:
  struct slot {
    explicit slot(const Event& from) : event(from) {}
    Event event;
    bool done = false;
  };
  struct lane {
    std::deque<slot*> waiting{};
    std::condition_variable wake{};
    std::thread thread{};
  };

  void serve(std::size_t which) {
    std::vector<slot*> taken;
    std::vector<const Event*> events;
    try {
      while (take(*lanes_[which], taken)) {
        events.clear();
        for (const auto* one : taken) events.push_back(&one->event);
        if (!handle_(which, events)) break;
        finish(taken);
      }
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
    }
    changed_.notify_all();
  }
  bool take(lane& from, std::vector<slot*>& taken) {
    std::unique_lock lock(mutex_);
    from.wake.wait(lock, [&] { return ended_ || failure_ || !from.waiting.empty(); });
    if (ended_ || failure_) return false;
    taken.clear();
    while (!from.waiting.empty() && taken.size() < most_) {
      taken.push_back(from.waiting.front());
      from.waiting.pop_front();
    }
    return true;
  }
  void finish(const std::vector<slot*>& taken) {
    const std::lock_guard lock(mutex_);
    for (auto* one : taken) one->done = true;
    report();
    changed_.notify_all();
  }
  // The caller holds the mutex.
  void report() {
    const auto before = prefix_;
    while (prefix_ < order_.size() && order_[prefix_]->done) ++prefix_;
    if (prefix_ > before) finished_ = anchor_of(order_[prefix_ - 1]->event);
    progress_.in_flight = order_.size() - prefix_;
    progress_.advance(prefix_ == order_.size() ? read_to_.at : finished_.at);
  }

  std::size_t most_;
  progress& progress_;
  handler handle_;
  mutable std::mutex mutex_{};
  std::condition_variable changed_{};
  std::deque<std::unique_ptr<slot>> order_{};
  std::size_t prefix_ = 0;  // So many of order_ at its front are done.
  anchor finished_, read_to_;
  std::vector<std::unique_ptr<lane>> lanes_{};
  bool ended_ = false;
  std::exception_ptr failure_{};
};

}  // namespace must::detail::following

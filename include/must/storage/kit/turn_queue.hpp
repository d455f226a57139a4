// SPDX-License-Identifier: MIT
// turn_queue: a lock that threads get in the order in which they have come for it.
#pragma once

#include <condition_variable>
#include <mutex>
#include <utility>

namespace must::kit {

/// A lock that threads get in the order in which they have come, so that none starves. Any number of threads may use
/// one. A turn that ends goes to the thread that has waited for the longest, and to no thread that comes meanwhile.
class turn_queue {
 public:
  /// A place in the line. It ends when it is destroyed, and then it is the turn of the next place.
  class turn {
   public:
    /// Takes a place in the line, and returns without waiting. The constructor does not allocate.
    explicit turn(turn_queue& in) : in_(in) {
      const std::lock_guard lock(in_.mutex_);
      is_mine_ = !std::exchange(in_.is_taken_, true);
      if (!is_mine_) in_.append(*this);
    }
    turn(const turn&) = delete;
    turn& operator=(const turn&) = delete;
    /// Waits for the turn, if it has not come yet, and ends it.
    ~turn() {
      wait();
      const std::lock_guard lock(in_.mutex_);
      in_.call_next();
    }

    /// Waits until it is the turn of this place.
    void wait() {
      if (is_mine_) return;
      std::unique_lock lock(in_.mutex_);
      called_.wait(lock, [&] { return is_called_; });
      is_mine_ = true;
    }

   private:
    friend class turn_queue;

    turn_queue& in_;
    turn* next_ = nullptr;
    bool is_mine_ = false;    // Only the thread of this place uses this.
    bool is_called_ = false;  // The mutex of the queue protects this.
    std::condition_variable called_{};
  };

  turn_queue() = default;
  turn_queue(const turn_queue&) = delete;
  turn_queue& operator=(const turn_queue&) = delete;

  /// Takes the turn if no thread has it and none waits for it, and says whether it did. \see unlock
  [[nodiscard]] bool try_lock() {
    const std::lock_guard lock(mutex_);
    return !std::exchange(is_taken_, true);
  }
  /// Ends the turn that try_lock() has taken.
  void unlock() {
    const std::lock_guard lock(mutex_);
    call_next();
  }

 private:
  void append(turn& last) noexcept {
    (last_ == nullptr ? first_ : last_->next_) = &last;
    last_ = &last;
  }
  // The place is told under the mutex, since it may be gone as soon as its thread gets the mutex.
  void call_next() noexcept {
    is_taken_ = first_ != nullptr;
    if (!is_taken_) return;
    auto& called = *std::exchange(first_, first_->next_);
    if (first_ == nullptr) last_ = nullptr;
    called.is_called_ = true;
    called.called_.notify_one();
  }

  std::mutex mutex_{};
  bool is_taken_ = false;
  turn *first_ = nullptr, *last_ = nullptr;  // The places that wait.
};

}  // namespace must::kit

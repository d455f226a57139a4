// SPDX-License-Identifier: MIT
// The last error of a follower, which is stored with its checkpoint.
#pragma once

#include "must/subscription/checkpoint.hpp"

#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <string>
#include <utility>

namespace must::detail::following {

// Any number of threads may use it.
class noted_error {
 public:
  void note(std::string text, std::int64_t at) {
    const std::lock_guard lock(mutex_);
    text_ = std::move(text);
    at_ = at;
    is_new_ = true;
  }
  // Returns whether the error is not stored yet. It costs a load.
  [[nodiscard]] bool is_new() const { return is_new_; }
  [[nodiscard]] checkpoint in(checkpoint next) const {
    const std::lock_guard lock(mutex_);
    if (is_new_) {
      next.error = text_;
      next.error_at = at_;
    }
    return next;
  }
  // Notes that a checkpoint was stored. Nothing hinders it any more.
  void stored(const checkpoint& now) {
    const std::lock_guard lock(mutex_);
    is_new_ = is_new_ && text_ != now.error;
    hindrance_ = nullptr;
  }
  // Keeps what the store throws at each write, for the threads that wait for one.
  void hinder(std::exception_ptr by) {
    const std::lock_guard lock(mutex_);
    hindrance_ = std::move(by);
  }
  void raise_hindrance() const {
    const std::lock_guard lock(mutex_);
    if (hindrance_ != nullptr) std::rethrow_exception(hindrance_);
  }

 private:
  mutable std::mutex mutex_{};
  std::string text_{};
  std::int64_t at_ = 0;  // Microseconds since 1970.
  std::atomic<bool> is_new_{false};
  std::exception_ptr hindrance_{};
};

}  // namespace must::detail::following

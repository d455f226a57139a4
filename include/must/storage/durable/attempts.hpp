// SPDX-License-Identifier: MIT
// Asks a storage of objects again that says that it cannot answer now, until a deadline.
#pragma once

#include "must/detail/rest.hpp"
#include "must/detail/wait.hpp"
#include "must/error.hpp"
#include "must/storage/objects.hpp"
#include "must/timestamp.hpp"
#include "must/uuid.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace must::detail::durable {

class attempts {
 public:
  explicit attempts(duration timeout) : deadline_(std::chrono::steady_clock::now() + bounded(timeout)) {}

  [[nodiscard]] bool is_over() const { return std::chrono::steady_clock::now() >= deadline_; }
  // Pauses with jitter, for any time up to a bound that doubles, from a millisecond to a second.
  void pause() {
    const auto bound = std::uint64_t{1'000} << std::min(count_++, 10U);
    pause_for(static_cast<std::int64_t>(random_source::of_this_thread()() % bound));
  }
  // Calls `ask()` until it throws nothing that may be mended by asking again.
  template <typename Ask>
  decltype(auto) read(Ask&& ask) {
    for (;; pause()) {
      try {
        return ask();
      } catch (const storage_error& why) {
        if (!why.error().retryable || is_over()) throw;
      }
    }
  }
  // Calls `put()` until its outcome is not `retry`. Throws storage_error, retryable, at the deadline.
  template <typename Put>
  object_put put(std::string_view key, Put&& put) {
    for (;; pause()) {
      auto answer = put();
      if (answer.outcome != object_outcome::retry) return answer;
      if (is_over())
        raise({.code = error_code::storage_error,
               .message = "append: the storage does not take the object " + std::string(key) +
                          ", past the deadline: " + answer.reason,
               .operation = "append",
               .retryable = true});
    }
  }

 private:
  std::chrono::steady_clock::time_point deadline_;
  unsigned count_ = 0;
};

}  // namespace must::detail::durable

// SPDX-License-Identifier: MIT
// A clock that stands still and ids that count, for output that is the same every time.
#pragma once

#include "must/timestamp.hpp"
#include "must/uuid.hpp"

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace must::testing {

/// A clock that stands still at the time that it was set to: `must::testing::fixed_clock
/// clock("2026-01-01T12:00:00Z");`.
class fixed_clock final : public clock {
 public:
  /// Sets the clock to a time.
  /// \throws bad_input  when `start` is not an RFC 3339 timestamp
  explicit fixed_clock(std::string_view start = "2026-01-01T00:00:00Z") : start_(timestamp::parse(start).value()) {}
  /// Returns the time that the clock is set to.
  [[nodiscard]] timestamp now() override {
    auto shown = start_;
    shown.microseconds += passed_.load();
    return shown;
  }
  /// Moves the clock on by a span, which may be negative.
  void advance(duration by) { passed_ += by.microseconds; }

 private:
  timestamp start_;
  std::atomic<std::int64_t> passed_{0};
};

/// Gives the ids "1", "2", "3" and so on. With the prefix "order-" they are "order-1", "order-2", "order-3" and so on.
class counting_ids final : public id_source {
 public:
  /// Starts at 1.
  explicit counting_ids(std::string_view prefix = "") : prefix_(prefix) {}
  /// Returns the next id.
  [[nodiscard]] std::string next(timestamp) override { return prefix_ + std::to_string(++last_); }

 private:
  std::string prefix_;
  std::atomic<std::uint64_t> last_{0};
};

}  // namespace must::testing

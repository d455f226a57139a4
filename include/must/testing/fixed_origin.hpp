// SPDX-License-Identifier: MIT
// A clock that stands still and ids that count: for output that is the same every time.
#pragma once

#include "must/timestamp.hpp"
#include "must/uuid.hpp"

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace must::testing {

/// A clock that shows what it was set to: `must::testing::fixed_clock clock("2026-01-01T12:00:00Z");`.
class fixed_clock final : public clock {
 public:
  /// \throws bad_input  when `start` is not an RFC 3339 timestamp
  explicit fixed_clock(std::string_view start = "2026-01-01T00:00:00Z") : start_(timestamp::parse(start).value()) {}
  /// what it shows
  [[nodiscard]] timestamp now() override {
    auto shown = start_;
    shown.microseconds += passed_.load();
    return shown;
  }
  /// Moves the clock on.
  void advance(duration by) { passed_ += by.microseconds; }

 private:
  timestamp start_;
  std::atomic<std::int64_t> passed_{0};
};

/// Ids that count from 1: "1", "2", ... or with a prefix "order-1", "order-2" ...
class counting_ids final : public id_source {
 public:
  explicit counting_ids(std::string_view prefix = "") : prefix_(prefix) {}                          ///< The first is 1.
  [[nodiscard]] std::string next(timestamp) override { return prefix_ + std::to_string(++last_); }  ///< the next number

 private:
  std::string prefix_;
  std::atomic<std::uint64_t> last_{0};
};

}  // namespace must::testing

// SPDX-License-Identifier: MIT
// back_off, public: how long a delivery waits before it connects again.
#pragma once

#include "must/detail/rest.hpp"
#include "must/storage/kit/validate.hpp"
#include "must/timestamp.hpp"
#include "must/uuid.hpp"

#include <chrono>
#include <cstdint>
#include <stop_token>
#include <string>

namespace must::kit {

/// The pauses between attempts to connect. Every span is 1 us to 100 years.
struct back_off_options {
  std::chrono::microseconds first = std::chrono::milliseconds(100);  ///< The bound of the first pause.
  std::chrono::microseconds longest = std::chrono::seconds(30);      ///< The bound of every pause.
};

/// The pauses of one connection that is made again. The bound of a pause doubles with each failure. A pause is drawn
/// between half of its bound and the whole, so that clients which failed together do not come back together. One thread
/// uses it.
class back_off {
 public:
  /// Begins with the first pause.
  /// \throws bad_input  when a span is out of range
  /// \throws bad_input  when `first` is more than `longest`
  explicit back_off(const back_off_options& options = {}) : options_(options), bound_(options.first) {
    constexpr auto century = std::chrono::hours(24 * 365 * 100);
    const auto check = [&](const char* field, std::chrono::microseconds span) {
      if (span < std::chrono::microseconds(1) || span > century)
        refuse_input(field, "is " + std::to_string(span.count()) + " us; it has to be 1 us to 100 years");
    };
    check("first", options.first);
    check("longest", options.longest);
    if (options.first > options.longest) refuse_input("first", "is more than longest");
  }

  /// Returns the next pause. The one after it is longer.
  [[nodiscard]] std::chrono::microseconds next() {
    const auto bound = bound_.count();
    bound_ = bound_ > options_.longest / 2 ? options_.longest : bound_ * 2;
    ++failures_;
    const auto half = static_cast<std::uint64_t>(bound / 2);
    const auto drawn = detail::random_source::of_this_thread()() % (half + 1);
    return std::chrono::microseconds(bound - static_cast<std::int64_t>(drawn));
  }
  /// Waits for the next pause. \returns false when a stop request ended it
  bool rest(const std::stop_token& stop) {
    detail::rest(duration(next()), stop);
    return !stop.stop_requested();
  }
  /// Notes that the connection is made, so that the next pause is the first one.
  void reset() {
    bound_ = options_.first;
    failures_ = 0;
  }
  /// Returns the number of pauses since the connection was made.
  [[nodiscard]] std::uint64_t failures() const { return failures_; }

 private:
  back_off_options options_;
  std::chrono::microseconds bound_;
  std::uint64_t failures_ = 0;
};

}  // namespace must::kit

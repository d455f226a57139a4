// SPDX-License-Identifier: MIT
// wait_outcome, public: the outcome of waiting until a subscription has handled a position.
#pragma once

#include "must/fwd.hpp"

#include <cstdint>

namespace must {

/// The outcome of waiting for a position. It converts to bool: whether every event at or below it was handled or
/// skipped.
class [[nodiscard]] wait_outcome {
 public:
  /// The three ways in which a wait ends.
  enum class kind : std::uint8_t {
    handled,   ///< Every event at or below the position was handled or skipped, or does not match.
    parked,    ///< An event at or below the position is parked, or waits behind one that is.
    timed_out  ///< The time has passed.
  };

  wait_outcome(kind what, position parked_at)
      : what_(what), parked_at_(parked_at) {}  ///< Makes an outcome. Subscriptions call it.

  /// Returns how the wait ended.
  [[nodiscard]] kind what() const noexcept { return what_; }
  /// Returns whether the wait ended as kind::handled.
  [[nodiscard]] explicit operator bool() const noexcept { return what_ == kind::handled; }
  /// Returns the first position that is parked, or that waits behind a parked event. It is 0 unless what() is
  /// kind::parked.
  [[nodiscard]] position parked_at() const noexcept { return parked_at_; }

 private:
  kind what_;
  position parked_at_;
};

}  // namespace must

// SPDX-License-Identifier: MIT
// What passes between two stages: demand one way, events the other. Reactive Streams in C++.
#pragma once

#include "must/timestamp.hpp"

#include <cstdint>
#include <exception>
#include <memory>
#include <stop_token>

namespace must {

/// The demand of one subscriber of a producer. Any thread may call it; nothing is thrown.
///
/// \see Reactive Streams 1.0.4, section 3
class stage_subscription {
 public:
  virtual ~stage_subscription() = default;
  /// Asks for `count` more events: what is there comes at once, in this thread or in the one that is at it. 1 or more,
  /// else the subscriber gets bad_input (rule 3.9); a sum of 2^63-1 is without bound (3.17).
  virtual void request(std::int64_t count) noexcept = 0;
  /// Nothing more comes, but what is on its way in another thread. Does nothing the second time.
  virtual void cancel() noexcept = 0;
  /// Asks for `more` events, 0 for none, and sends all that is asked for, but not once a stop is requested; where there
  /// is nothing now, waits for it. What is asked for meanwhile may be left to the next call. False when it has ended.
  virtual bool poll(std::int64_t more, duration timeout, const std::stop_token& stop) noexcept = 0;
  /// Waits until the next poll may send something, and sends nothing itself. Called while no other thread polls.
  /// \returns false after the timeout, or when a stop was requested; a timeout of 0 only asks
  virtual bool wait(duration timeout, const std::stop_token& stop) noexcept = 0;
};

/// Takes events, never more than it asked for, one after another. What on_subscribe and on_next throw goes to on_error.
///
/// on_subscribe comes first; on_error or on_complete last, and only one of them. \see Reactive Streams 1.0.4, section 2
template <typename T>
class stage_subscriber {
 public:
  virtual ~stage_subscriber() = default;
  /// Comes first; asks for the first events, now or later.
  virtual void on_subscribe(std::shared_ptr<stage_subscription> subscription) = 0;
  virtual void on_next(const T& event) = 0;  ///< One event that was asked for.

  /// The last: the producer failed, or this subscriber did.
  virtual void on_error(const std::exception_ptr& why) noexcept = 0;
  virtual void on_complete() noexcept = 0;  ///< The last: there are no more events.
};

}  // namespace must

// SPDX-License-Identifier: MIT
// The interfaces between two stages: demand goes one way, and events go the other. They are Reactive Streams in C++.
#pragma once

#include "must/timestamp.hpp"

#include <cstdint>
#include <exception>
#include <memory>
#include <stop_token>

namespace must {

/// The demand of one subscriber of a producer: how many more events it has asked for. Any thread may call its
/// functions, and none of them throws.
///
/// \see Reactive Streams 1.0.4, section 3
class stage_subscription {
 public:
  virtual ~stage_subscription() = default;
  /// Asks for more events. Those that are there are sent at once, in this thread or in one that sends already.
  /// \param count  the number of events, 1 or more. A lower number makes on_error get bad_input (rule 3.9). A sum of
  ///               2^63-1 asks for events without end (rule 3.17).
  virtual void request(std::int64_t count) noexcept = 0;
  /// Ends the subscription. Only an event that another thread is sending may still come. The second call does nothing.
  virtual void cancel() noexcept = 0;
  /// Asks for `more` events, which may be 0, and sends what is asked for until a stop is requested. When there is
  /// nothing to send, it waits. What is asked for meanwhile may be left to the next call.
  /// \returns false when the subscription has ended
  virtual bool poll(std::int64_t more, duration timeout, const std::stop_token& stop) noexcept = 0;
  /// Waits until the next poll may send something, and sends nothing itself. No other thread polls meanwhile. With a
  /// timeout of 0 it does not wait.
  /// \returns false when the time has passed or a stop was requested
  virtual bool wait(duration timeout, const std::stop_token& stop) noexcept = 0;
};

/// Takes events one after another, and never more than it asked for. An exception of on_subscribe or on_next goes to
/// on_error.
///
/// on_subscribe is called first. on_error or on_complete is called last, and only one of them.
/// \see Reactive Streams 1.0.4, section 2
template <typename T>
class stage_subscriber {
 public:
  virtual ~stage_subscriber() = default;
  /// Takes the subscription, by which it asks for the first events, now or later. It is called first.
  virtual void on_subscribe(std::shared_ptr<stage_subscription> subscription) = 0;
  virtual void on_next(const T& event) = 0;  ///< Takes an event that was asked for.

  /// Learns what the producer or this subscriber has failed with. It is called last.
  virtual void on_error(const std::exception_ptr& why) noexcept = 0;
  virtual void on_complete() noexcept = 0;  ///< Learns that there are no more events. It is called last.
};

}  // namespace must

// SPDX-License-Identifier: MIT
// Delivery: what takes stored events elsewhere, and what it says of each.
#pragma once

#include "must/record.hpp"

#include <cstdint>
#include <span>
#include <stop_token>
#include <string>

namespace must {

/// What became of an event that was to be delivered.
enum class delivery_outcome : std::uint8_t {
  ok,         ///< The receiver has confirmed the event.
  retriable,  ///< The event was not delivered, and may be the next time.
  poison,     ///< The event will never be delivered: it is too large, or refused for its content.
  unknown,    ///< Nobody can say. The event is sent again, with the same source and id.
  fatal       ///< Nothing can be delivered until a person mends it: a wrong password, no such topic.
};

/// What a delivery says of one event.
struct delivery_answer {
  delivery_outcome outcome = delivery_outcome::ok;  ///< What became of the event.
  std::string reason{};                             ///< Why the event was not delivered, for a person.
};

/// Takes stored events elsewhere, for must::relay.
///
/// A delivery has `deliver(batch, answers)`, or `deliver(batch, answers, stop)` where it may wait for long. It delivers
/// the events of the batch, 1 or more, in their order, and writes an answer for each; the answers are ok before the
/// call. The first event that is not ok is delivered again with all after it, so that the order is kept. The call may
/// block until `stop` is requested; then it answers retriable, and the relay ends. With several lanes as many threads
/// call it at once. An exception counts as retriable.
template <typename D, typename Data>
concept Delivery =
    requires(D& delivery, std::span<const recorded<Data>* const> batch, std::span<delivery_answer> answers) {
      delivery.deliver(batch, answers);
    } || requires(D& delivery, std::span<const recorded<Data>* const> batch, std::span<delivery_answer> answers,
                  const std::stop_token& stop) { delivery.deliver(batch, answers, stop); };

namespace detail::delivery {

// Calls whichever deliver() there is.
template <typename D, typename Data>
void deliver_to(D& delivery, std::span<const recorded<Data>* const> batch, std::span<delivery_answer> answers,
                const std::stop_token& stop) {
  if constexpr (requires { delivery.deliver(batch, answers, stop); })
    delivery.deliver(batch, answers, stop);
  else
    delivery.deliver(batch, answers);
}

}  // namespace detail::delivery
}  // namespace must

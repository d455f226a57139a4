// SPDX-License-Identifier: MIT
// Delivery: takes stored events elsewhere, and says what became of each.
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
  unknown,    ///< Nobody can say whether it was delivered. The event is sent again, with the same source and id.
  fatal       ///< Nothing can be delivered until a person has changed something, such as a wrong password.
};

/// What a delivery says of one event.
struct delivery_answer {
  delivery_outcome outcome = delivery_outcome::ok;  ///< What became of the event.
  std::string reason{};                             ///< The reason for which the event was not delivered, for a person.
};

/// A delivery takes stored events elsewhere, such as to a broker. must::relay calls it.
///
/// It has `deliver(batch, answers)`, or `deliver(batch, answers, stop)` when it may wait for long. It delivers the
/// events of the batch, one or more, in their order, and writes one answer for each. All answers are ok before the
/// call. The first event whose answer is not ok is delivered again with all events after it, so that the order is kept.
/// When `stop` is requested, the call answers retriable for what is not delivered, and returns. With several lanes, as
/// many threads call it at once. An exception counts as the answer retriable.
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

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
  ok,         ///< the receiver has confirmed it
  retriable,  ///< not delivered; may be the next time
  poison,     ///< not delivered, and never will be: too large, refused for its content
  unknown,    ///< nobody can say; it is sent again, with the same source and id
  fatal       ///< nothing can be delivered until somebody has seen to it: wrong password, no such topic
};

/// What a delivery says of one event; `reason` where it is not ok.
struct delivery_answer {
  delivery_outcome outcome = delivery_outcome::ok;  ///< ok until something else is said
  std::string reason{};                             ///< for a person
};

/// Takes stored events elsewhere, for must::relay.
///
/// deliver(batch, answers), or deliver(batch, answers, stop) where it may wait for long: delivers 1 or more events in
/// this order, and writes an answer for each, all ok before the call. Those after the first that is not ok are
/// delivered again, so that the order is kept. It may block, until `stop` is requested: then it answers retriable, and
/// the relay ends. With several lanes it is called by as many threads at once. What it throws is retriable.
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

// SPDX-License-Identifier: MIT
// relay_options, public: how a relay follows its store and how much it hands to its delivery.
#pragma once

#include "must/error.hpp"
#include "must/subscription/options.hpp"

#include <cstddef>
#include <utility>

namespace must {

/// The options of a relay, such as `{.batch = 100, .following = {.lanes = 4}}`.
struct relay_options {
  /// The highest number of events that the delivery gets at once, 1 to 100,000. With more than 1 they are copied.
  std::size_t batch = 1;
  /// The options of the subscription by which the relay follows its store.
  ///
  /// By default an event that is not delivered is tried 16 times within some minutes, so that a short outage of the
  /// receiver is waited for, and then the relay stops. A poison event is not tried again. A fatal answer stops the
  /// relay at once. With failure_policy::decide, that function alone decides.
  ///
  /// The failure is an error: storage_error after the answer retriable, and poison, outcome_unknown or undeliverable
  /// after poison, unknown or fatal.
  subscription_options following{};
};

namespace detail::delivery {

// Returns the options of the subscription that a relay is.
inline subscription_options following_options(relay_options from) {
  auto& policy = from.following.on_failure;
  if (!policy.attempts) policy.attempts = 16;
  if (!policy.decide)
    policy.decide = [attempts = *policy.attempts, then = policy.then](const failed_attempt& failed) {
      if (failed.why.code == error_code::undeliverable) return failure_action::stop;
      if (failed.why.code == error_code::poison) return then;
      return failed.attempts < attempts ? failure_action::retry : then;
    };
  return std::move(from.following);
}

}  // namespace detail::delivery
}  // namespace must

// SPDX-License-Identifier: MIT
// relay_options, public: how a relay follows its store and how much it hands to its delivery.
#pragma once

#include "must/error.hpp"
#include "must/storage/kit/validate.hpp"
#include "must/subscription/options.hpp"
#include "must/timestamp.hpp"

#include <cstddef>
#include <functional>
#include <limits>
#include <string>
#include <utility>

namespace must {

/// What becomes of an event that was not delivered. By default it is tried 16 times within some minutes, so that a
/// short outage of the receiver is waited for, and then the relay stops.
///
/// A poison event is not tried again. A fatal answer stops the relay in any case.
struct delivery_policy {
  /// The highest number of attempts, the first included: 1 or more.
  unsigned attempts = 16;
  /// The pause before the second attempt. It doubles with each attempt, and up to a half of it is taken off at random.
  duration delay{100'000};
  /// The longest pause before an attempt.
  duration longest_delay{30'000'000};
  /// What is done with a poison event, and with any other after the last attempt.
  failure_action then = failure_action::stop;
  /// The number of attempts that may end with the process, before `then` is done: 1 or more.
  unsigned crashes = 16;
  /// A function that decides after each failure, in place of all members but the pauses.
  std::function<failure_action(const failed_attempt&)> decide{};
};

/// How a relay works. Every span of time is 1 us or more.
struct relay_options {
  /// The highest number of events that the delivery gets at once, 1 to 100,000. With more than 1 they are copied.
  std::size_t batch = 1;
  /// The highest number of events that one of several lanes may be ahead of the checkpoint, 1 or more. After a crash,
  /// so many events may arrive twice.
  std::size_t in_flight = 1'000;
  /// Where the relay begins when it has no checkpoint.
  start_at start = start_at::origin();
  /// The number of lanes, which are threads that deliver at once: 1 to 1,024. Events of one key are never delivered at
  /// once.
  unsigned lanes = 1;
  /// A function that returns the key of an event. By default the key is the extension "partitionkey", or else the
  /// stream.
  key_function key_of{};
  /// The highest number of events between two saves of the checkpoint, 1 or more.
  std::size_t save_every = 1'000;
  /// The longest time between two saves of the checkpoint.
  duration save_interval{1'000'000};
  /// The longest time between two reads of a store that cannot wake the relay.
  duration poll_interval{100'000};
  /// What becomes of an event that is not delivered.
  delivery_policy on_failure{};
  /// The highest number of events that may be parked. The next one that fails stops the relay.
  std::size_t most_parked = 1'000;
  /// The name that not_owner and must::subscriptions show for this process. By default no other process has it.
  std::string owner{};
  /// The time after which another process may take over from one that crashed.
  duration lease{5'000'000};
  /// Whether run waits while another process delivers. Otherwise it raises not_owner.
  bool standby = false;
  /// The time without progress after which the relay counts as stalled. \see subscription_health::stalled
  duration stalled_after{30'000'000};
  /// A function that is called after each save of the checkpoint, in the thread that saves.
  std::function<void(const subscription_health&)> observer{};
};

namespace detail::delivery {

// Returns the same as options of a subscription.
inline subscription_options following_options(relay_options from) {
  if (from.in_flight < 1 || from.in_flight > std::numeric_limits<unsigned>::max())
    kit::refuse_input("in_flight", "is " + std::to_string(from.in_flight) + "; it has to be 1 to 4294967295");
  failure_policy policy{.attempts = from.on_failure.attempts,
                        .delay = from.on_failure.delay,
                        .longest_delay = from.on_failure.longest_delay,
                        .then = from.on_failure.then,
                        .crashes = from.on_failure.crashes,
                        .decide = std::move(from.on_failure.decide)};
  if (!policy.decide)
    policy.decide = [attempts = policy.attempts, then = policy.then](const failed_attempt& failed) {
      if (failed.why.code == error_code::undeliverable) return failure_action::stop;
      if (failed.why.code == error_code::poison) return then;
      return failed.attempts < attempts ? failure_action::retry : then;
    };
  return {.start = from.start,
          .lanes = from.lanes,
          .key_of = std::move(from.key_of),
          .window = from.in_flight,
          .save_every = from.save_every,
          .save_interval = from.save_interval,
          .poll_interval = from.poll_interval,
          .on_failure = std::move(policy),
          .most_parked = from.most_parked,
          .owner = std::move(from.owner),
          .lease = from.lease,
          .standby = from.standby,
          .stalled_after = from.stalled_after,
          .observer = std::move(from.observer)};
}

}  // namespace detail::delivery
}  // namespace must

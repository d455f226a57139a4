// SPDX-License-Identifier: MIT
// subscription_options, public: how a subscription follows: where it starts, how much it does at once, what becomes of
// failures.
#pragma once

#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/limits.hpp"
#include "must/storage/kit/validate.hpp"
#include "must/subscription/follower.hpp"
#include "must/subscription/partition.hpp"  // IWYU pragma: export
#include "must/subscription/start_at.hpp"   // IWYU pragma: export
#include "must/timestamp.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>

namespace must {

/// What is done with an event whose handler has failed.
enum class failure_action : std::uint8_t {
  stop,        ///< The run ends with what the handler threw. The event is the first of the next run.
  skip,        ///< The event counts as handled.
  park,        ///< The event is set aside with its reason. The later events of its key wait behind it.
  park_loose,  ///< The event is set aside with its reason. The later events of its key go on.
  retry        ///< The event is tried again after the delay. Only `decide` returns it.
};

/// An attempt that failed. failure_policy::decide gets it.
struct failed_attempt {
  position event = 0;      ///< The position of the event, or 0 for a deadline of a process manager.
  std::string key{};       ///< The key of the event. \see subscription_options::key_of
  unsigned attempts = 0;   ///< The number of attempts so far, those of earlier runs included.
  error why{};             ///< What was thrown, as an error.
  std::string deadline{};  ///< The name of the deadline of a process manager, or "" for an event.
};

/// What becomes of an event whose handler throws. By default the subscription stops, and begins with the event when it
/// is run again. Every span is 1 us to 100 years.
///
/// Attempts are counted in the store before each but the first, so that a crash does not forget them. `park` needs a
/// key: an event without one stops the subscription (bad_input), as all other events without a key would wait behind
/// it.
struct failure_policy {
  /// The highest number of attempts, the first included: 1 to 2^32-1. Without a value it is 1, and 16 in a relay. A
  /// process manager without a value tries for ever what may pass, such as a failure of the store.
  std::optional<unsigned> attempts{};
  /// The time before the second attempt, 0.1 seconds by default. It doubles with each attempt, and up to a half of it
  /// is taken off at random.
  duration delay{100'000};
  /// The longest time before any attempt, 30 seconds by default.
  duration longest_delay{30'000'000};
  /// What is done after the last attempt. It is not `retry`.
  failure_action then = failure_action::stop;
  /// The number of attempts that may end with the process, before `then` is done with the error poison: 1 to 2^32-1.
  /// After a crash events are handled one at a time until the one that ends the process is known.
  unsigned crashes = 16;
  /// A function that decides after each failure, in place of `attempts` and `then`.
  std::function<failure_action(const failed_attempt&)> decide{};
};

/// The progress of a subscription at one moment, and what holds it up.
struct subscription_health {
  bool running = false;              ///< Whether run or run_once is under way in this object.
  position scanned = 0;              ///< Every event at or below it is handled, skipped, parked, or not matched.
  position saved = 0;                ///< The position of the checkpoint.
  std::uint64_t lag = 0;             ///< The number of positions between `scanned` and the head of the store.
  duration behind{};                 ///< The age of the first event that is not handled, or 0.
  std::uint64_t in_flight = 0;       ///< The number of events whose handlers have not returned.
  std::uint64_t handled = 0;         ///< The number of events that this object has handled.
  std::uint64_t retries = 0;         ///< The number of attempts that were not the first of their event.
  std::uint64_t skipped = 0;         ///< The number of events that this object has skipped.
  std::uint64_t parked = 0;          ///< The number of parked events.
  std::uint64_t waiting_behind = 0;  ///< The number of events that wait behind a parked one of their key.
  bool stalled = false;              ///< Whether there is work, and nothing was finished for `stalled_after`.
  std::string last_error{};          ///< The last error of a handler or of the store, or an empty text.
};

/// The options of a subscription. Every span is 1 us to 100 years.
struct subscription_options {
  /// The place where the subscription begins when it has no checkpoint.
  start_at start = start_at::origin();
  /// The number of lanes, which are threads that handle events at once: 1 to 1,024. Events of one key are never handled
  /// at once. A handler in transactions needs a store that has more connections than lanes.
  unsigned lanes = 1;
  /// A function that returns the key of an event. By default the key is the extension "partitionkey", or else the
  /// stream. With several lanes, events without a key are handled in no particular order. Before it is changed, nothing
  /// is parked, and a run_once has ended, so that no lane is ahead of the checkpoint.
  key_function key_of{};
  /// The highest number of events that one of several lanes may be ahead of the checkpoint, 1 to 2^32-1. After a crash,
  /// so many events may be handled again.
  std::size_t window = 1'000;
  /// The highest number of events between two saves of the checkpoint, 1 to 2^32-1.
  std::size_t save_every = 1'000;
  /// The longest time between two saves of the checkpoint, 1 second by default.
  duration save_interval{1'000'000};
  /// The longest time between two reads of a store that cannot wake the subscription, 0.1 seconds by default.
  duration poll_interval{100'000};
  /// What becomes of an event whose handler throws.
  failure_policy on_failure{};
  /// The highest number of events that may be parked. The next one that would be parked stops the subscription.
  std::size_t most_parked = 1'000;
  /// The name that not_owner and must::subscriptions show for this process, up to 400 bytes. By default it is one that
  /// no other process has.
  std::string owner{};
  /// The time after which another process may take over from one that crashed, 5 seconds by default. A process that
  /// cannot reach its store for so long handles nothing more.
  duration lease{5'000'000};
  /// Whether run waits while another process follows. Otherwise it throws not_owner.
  bool standby = false;
  /// The time without progress after which the subscription counts as stalled, 30 seconds by default.
  duration stalled_after{30'000'000};
  /// A function that is called after each save of the checkpoint, in the thread that saves.
  std::function<void(const subscription_health&)> observer{};
};

namespace detail::following {

inline void check_subscription(const follower& who, const subscription_options& options) {
  kit::check_name("name", who.name());
  if (who.name().size() > 400) kit::refuse_input("name", "is longer than 400 bytes");
  constexpr std::size_t longest_part = 20;  // The parts of the keys of its cells are no longer than this.
  if (who.cell().now.size() + longest_part > limits{}.name_bytes)
    kit::refuse_input("name", "is too long, as \"/\", \"@\" and \"%\" take three bytes each in the keys of its cells");
  if (options.owner.size() > 400) kit::refuse_input("owner", "is longer than 400 bytes");
  if (!options.owner.empty()) kit::check_name("owner", options.owner);
  const auto check = [](const char* field, std::uint64_t value, std::uint64_t least, std::uint64_t most) {
    if (value < least || value > most)
      kit::refuse_input(field, "is " + std::to_string(value) + "; it has to be " + std::to_string(least) + " to " +
                                   std::to_string(most));
  };
  const auto check_span = [](const char* field, duration span) {
    if (span.microseconds < 1 || span.microseconds > longest_span)
      kit::refuse_input(field, "is " + std::to_string(span.microseconds) + " us; it has to be 1 us to 100 years");
  };
  constexpr auto most = std::numeric_limits<std::uint32_t>::max();
  check("lanes", options.lanes, 1, 1'024);
  check("window", options.window, 1, most);
  check("save_every", options.save_every, 1, most);
  check("attempts", options.on_failure.attempts.value_or(1), 1, most);
  check("crashes", options.on_failure.crashes, 1, most);
  if (options.on_failure.then == failure_action::retry) kit::refuse_input("then", "is retry: attempts says how often");
  check_span("save_interval", options.save_interval);
  check_span("poll_interval", options.poll_interval);
  check_span("lease", options.lease);
  check_span("stalled_after", options.stalled_after);
  check_span("delay", options.on_failure.delay);
  check_span("longest_delay", options.on_failure.longest_delay);
}

// Checks the connections of a store. Each lane holds one while its handler runs, and the handler may ask the store.
template <typename S>
void check_connections(const S& storage, const subscription_options& options) {
  if constexpr (requires { storage.connections(); }) {
    if (options.lanes >= storage.connections())
      kit::refuse_input("lanes", "is " + std::to_string(options.lanes) + ", and the store has " +
                                     std::to_string(storage.connections()) +
                                     " connections: each lane holds one while its handler runs, so there has to be one "
                                     "more than lanes");
  }
}

}  // namespace detail::following
}  // namespace must

// SPDX-License-Identifier: MIT
// How a subscription follows: where it starts, how much it does at once, what becomes of failures.
#pragma once

#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/limits.hpp"
#include "must/query.hpp"
#include "must/storage/kit/validate.hpp"
#include "must/subscription/follower.hpp"
#include "must/subscription/partition.hpp"  // IWYU pragma: export
#include "must/timestamp.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <utility>

namespace must {

/// Where a subscription without a checkpoint begins.
class start_at {
 public:
  /// Begins at the first event.
  [[nodiscard]] static start_at origin() { return {kind::after, 0}; }
  /// Begins after what is stored when the first run begins.
  [[nodiscard]] static start_at head() { return {kind::head, 0}; }
  /// Begins at the first event above a position. A position beyond the head of the store is refused (bad_input).
  [[nodiscard]] static start_at after(position last) { return {kind::after, last}; }
  /// Begins at the first event that was recorded at that time or later. `recorded_at` decides, not `time`.
  [[nodiscard]] static start_at time(timestamp when) { return {kind::time, 0, when}; }

  /// The last position that is not handled, in a store. Reads about log2(head) events for time(). \throws storage_error
  template <typename S>
  [[nodiscard]] position in(S& storage) const {
    if (kind_ == kind::after) return after_;
    auto low = position{0}, high = storage.head();
    if (kind_ == kind::head) return high;
    while (low < high) {
      const auto middle = low + (high - low) / 2;
      std::optional<std::pair<position, timestamp>> next;
      static_cast<void>(storage.read(query::all(), {.after = middle, .until = high, .limit = 1},
                                     [&](const auto& event) { next = {event.position, event.recorded_at}; }));
      if (next && next->second.microseconds < when_.microseconds)
        low = next->first;
      else
        high = middle;
    }
    return low;
  }

 private:
  enum class kind : std::uint8_t { after, head, time };
  start_at(kind how, position last, timestamp when = {}) : kind_(how), after_(last), when_(when) {}
  kind kind_;
  position after_;
  timestamp when_;
};

/// What is done with an event whose handler failed.
enum class failure_action : std::uint8_t {
  stop,        ///< run ends with what the handler threw; the event is the first of the next run
  skip,        ///< the event counts as handled
  park,        ///< the event is set aside with its reason, and the later ones of its key wait behind it
  park_loose,  ///< the event is set aside with its reason, and the later ones of its key go on
  retry        ///< another attempt, after the delay; for `decide` only
};

/// An attempt that failed, for a failure policy of the user's own.
struct failed_attempt {
  position event = 0;     ///< where it stands
  std::string key{};      ///< of the event: its partition key, else its stream
  unsigned attempts = 0;  ///< so far, of this event, also those of earlier runs
  error why{};            ///< as must says it, or the text of what was thrown
};

/// What becomes of an event whose handler throws. By default the subscription stops: nothing is acknowledged.
///
/// Attempts are counted in the store before each but the first, so that a crash does not forget them.
struct failure_policy {
  unsigned attempts = 1;               ///< 1 or more, the first included
  duration delay{100'000};             ///< before the second attempt; doubles each time, and is jittered by a half
  duration longest_delay{30'000'000};  ///< before any attempt
  failure_action then = failure_action::stop;  ///< after the last attempt
  unsigned crashes = 16;  ///< how many attempts that ended with the process count as a failure; 1 or more

  /// Asked after each failure, when it is there, in place of `attempts` and `then`.
  std::function<failure_action(const failed_attempt&)> decide{};
};

/// How a subscription goes, as of one moment.
struct subscription_health {
  bool running = false;              ///< whether run or run_once is under way, here
  position scanned = 0;              ///< everything at or below was handled, skipped or parked, or does not match
  position saved = 0;                ///< the checkpoint
  std::uint64_t lag = 0;             ///< positions between `scanned` and the head of the store
  duration behind{};                 ///< the age of the first event that is not handled; 0 when there is none
  std::uint64_t in_flight = 0;       ///< events that are handed out and not finished
  std::uint64_t handled = 0;         ///< by this object
  std::uint64_t retries = 0;         ///< by this object
  std::uint64_t skipped = 0;         ///< by this object
  std::uint64_t parked = 0;          ///< The parked events.
  std::uint64_t waiting_behind = 0;  ///< The events that wait behind a parked one of their key.
  bool stalled = false;              ///< there is work, and nothing was finished for `stalled_after`
  std::string last_error{};          ///< of a handler or of the store; empty when there was none
};

/// How a subscription follows. Every span of time is 1 us or more.
struct subscription_options {
  start_at start = start_at::origin();  ///< where there is no checkpoint
  unsigned lanes = 1;              ///< events of different keys that are handled at once, each on a thread: 1 to 1,024
  key_function key_of{};           ///< The key of an event; by default its partition key, else its stream.
  std::size_t window = 1'000;      ///< with lanes: how far any may be ahead of the checkpoint, in events; 1 or more
  std::size_t save_every = 1'000;  ///< events, at the most, between two saves of the checkpoint; 1 or more
  duration save_interval{1'000'000};   ///< the longest between two saves
  duration poll_interval{100'000};     ///< the longest between two looks, where there is no wake-up
  failure_policy on_failure{};         ///< of a handler
  std::size_t most_parked = 1'000;     ///< events that may be parked; the next that fails stops the subscription
  std::string owner{};                 ///< a name for this follower; by default one that nobody else has
  duration lease{5'000'000};           ///< after a crash another takes over when so much time has passed
  bool standby = false;                ///< whether run waits while another is the owner, rather than be refused
  duration stalled_after{30'000'000};  ///< \see subscription_health::stalled
  std::function<void(const subscription_health&)> observer{};  ///< called after each save, by the thread that saves
};

namespace detail::following {

inline void check_subscription(const follower& who, const subscription_options& options) {
  kit::check_name("name", who.name());
  if (who.name().size() > 400) kit::refuse_input("name", "is longer than 400 bytes");
  constexpr std::size_t longest_part = 20;  // of the keys of its cells
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
  check("attempts", options.on_failure.attempts, 1, most);
  check("crashes", options.on_failure.crashes, 1, most);
  if (options.on_failure.then == failure_action::retry) kit::refuse_input("then", "is retry: attempts says how often");
  check_span("save_interval", options.save_interval);
  check_span("poll_interval", options.poll_interval);
  check_span("lease", options.lease);
  check_span("stalled_after", options.stalled_after);
  check_span("delay", options.on_failure.delay);
  check_span("longest_delay", options.on_failure.longest_delay);
}

// Each lane holds a connection while its handler runs, and the handler may ask the store.
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

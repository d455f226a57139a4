// SPDX-License-Identifier: MIT
// How a subscription follows: where it starts, how much it does at once, what becomes of failures.
#pragma once

#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/storage/kit/validate.hpp"
#include "must/timestamp.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>

namespace must {

/// Where a subscription without a checkpoint begins.
class start_at {
 public:
  [[nodiscard]] static start_at origin() { return start_at(0); }  ///< At the first event.

  /// Only what is stored after the first run began.
  [[nodiscard]] static start_at head() { return start_at(std::numeric_limits<position>::max()); }
  /// At the first event above a position.
  [[nodiscard]] static start_at after(position last) { return start_at(last); }

  /// whether it is head()
  [[nodiscard]] bool is_head() const noexcept { return after_ == std::numeric_limits<position>::max(); }
  [[nodiscard]] position value() const noexcept { return after_; }  ///< the last position that is not handled

 private:
  explicit start_at(position after) : after_(after) {}
  position after_;
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
  bool running = false;         ///< whether run or run_once is under way, here
  position scanned = 0;         ///< everything at or below was handled, skipped or parked, or does not match
  position saved = 0;           ///< the checkpoint
  std::uint64_t lag = 0;        ///< positions between `scanned` and the head of the store
  duration behind{};            ///< the age of the first event that is not handled; 0 when there is none
  std::uint64_t in_flight = 0;  ///< events that are handed out and not finished
  std::uint64_t handled = 0;    ///< by this object
  std::uint64_t retries = 0;    ///< by this object
  std::uint64_t skipped = 0;    ///< by this object
  std::uint64_t parked = 0;     ///< that wait to be replayed
  bool stalled = false;         ///< there is work, and nothing was finished for `stalled_after`
  std::string last_error{};     ///< of a handler or of the store; empty when there was none
};

/// How a subscription follows. Every span of time is 1 us or more.
struct subscription_options {
  start_at start = start_at::origin();  ///< where there is no checkpoint
  unsigned lanes = 1;              ///< events of different keys that are handled at once, each on a thread: 1 to 1,024
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

inline void check_subscription(const std::string& name, const subscription_options& options) {
  kit::check_name("name", name);
  if (name.size() > 400) kit::refuse_input("name", "is longer than 400 bytes");
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

}  // namespace detail::following
}  // namespace must

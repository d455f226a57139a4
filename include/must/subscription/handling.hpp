// SPDX-License-Identifier: MIT
// One event in the hands of its handler: attempts, and what becomes of one that fails.
#pragma once

#include "must/detail/current_error.hpp"
#include "must/error.hpp"
#include "must/record.hpp"
#include "must/storage.hpp"
#include "must/subscription/attempts.hpp"
#include "must/subscription/claim.hpp"
#include "must/subscription/fenced_cell.hpp"
#include "must/subscription/options.hpp"
#include "must/subscription/parked.hpp"
#include "must/subscription/progress.hpp"
#include "must/text/quoted.hpp"
#include "must/timestamp.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace must::detail::following {

// What decides the lane of an event: the partition key of CloudEvents' extension, else the stream.
template <typename Data>
std::string_view partition_key(const basic_event<Data>& event) {
  const auto found = event.extensions.find(std::string_view("partitionkey"));
  const auto* key = found == event.extensions.end() ? nullptr : std::get_if<std::string>(&found->second);
  return key == nullptr ? std::string_view(event.subject) : std::string_view(*key);
}
// FNV-1a, mixed as MurmurHash3 does at its end: the same in every run, as the checkpoints of lanes are kept.
inline std::size_t lane_of(std::string_view key, std::size_t lanes) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const auto byte : key) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3U;
  hash = (hash ^ (hash >> 33U)) * 0xff51afd7ed558ccdU;
  hash = (hash ^ (hash >> 33U)) * 0xc4ceb9fe1a85ec53U;
  return static_cast<std::size_t>((hash ^ (hash >> 33U)) % lanes);
}

// What the lanes of one run share. The lease is held.
template <CellStorage S>
class handling {
 public:
  using event_type = recorded<typename S::data_type>;

  handling(S& storage, claim<S>& claim, const subscription_options& options, progress& counters,
           const std::stop_token& stop)
      : claim_(claim),
        options_(options),
        counters_(counters),
        stop_(stop),
        clock_(storage.origin().clock),
        parked_(storage, claim.name(), claim.by()) {
    const auto lanes = std::max(options.lanes, claim.found().lanes);
    for (std::size_t i = 0; i < lanes; ++i) attempts_.emplace_back(storage, claim.name(), i, claim.by());
    if (!claim.found().clean) suspects_ = static_cast<std::int64_t>(std::max(options.save_every, options.window));
  }

  [[nodiscard]] parked_list<S>& parked() { return parked_; }
  [[nodiscard]] const std::stop_token& stop() const { return stop_; }

  // Whether there is more to do with the event than to call its handler. Costs a few loads.
  [[nodiscard]] bool needs_care(std::size_t lane, const event_type& event) const {
    return parked_.size() != 0 || is_suspicious(lane, event);
  }
  // Whether the attempts of the event have to be counted.
  [[nodiscard]] bool is_suspicious(std::size_t lane, const event_type& event) const {
    const auto& attempts = attempts_[lane];
    return attempts.of(event.position) > 0 ||
           (suspects_.load(std::memory_order_relaxed) > 0 && !attempts.is_beyond(event.position));
  }
  // Calls `handle()` for the event until it is done with, or a stop is requested: then false, as when that gives false.
  // Throws what the handler threw when the policy is to stop.
  template <typename Handle>
  bool run(const event_type& event, std::size_t lane, Handle&& handle) {
    if (parked_.size() != 0 && parked_.blocks(partition_key(event))) return true;
    auto& attempts = attempts_[lane];
    auto made = attempts.of(event.position);
    if (is_suspicious(lane, event)) {
      --suspects_;
      if (made >= std::max(options_.on_failure.attempts, options_.on_failure.crashes))
        return give_up(event, attempts, crashed(event, made), nullptr, options_.on_failure.then);
      if (!surely([&] { return attempts.note(event.position, made + 1); })) return false;
    }
    for (;;) {
      std::exception_ptr thrown;
      try {
        return handle();
      } catch (...) {
        thrown = std::current_exception();
      }
      ++made;
      auto failed = failure_of(event, made, thrown);
      claim_.note_error(describe(failed));
      if (failed.why.retryable && stop_.stop_requested()) return false;  // what may pass is left to the next run
      const auto action = action_on(failed);
      if (action != failure_action::retry) return give_up(event, attempts, std::move(failed), thrown, action);
      ++counters_.retries;
      if (!surely([&] { return attempts.note(event.position, made + 1); })) return false;
      rest(delay_after(made), stop_);
      if (stop_.stop_requested() || !claim_.make_sure(stop_)) return false;
    }
  }

  // Does what the store refuses for a while until it is done, or a stop is requested: then false.
  // `work` says whether the lease is held.
  template <typename Work>
  bool surely(Work&& work) {
    for (unsigned failures = 0;; ++failures) {
      try {
        if (work()) return true;
        claim_.raise_lost();
      } catch (const exception& why) {
        if (!may_pass(why.error())) throw;
        claim_.note_error(why.error().message);
      }
      rest(duration{std::min<std::int64_t>(10'000LL << std::min(failures, 7U), 1'000'000)}, stop_);
      if (stop_.stop_requested()) return false;
    }
  }

 private:
  static failed_attempt failure_of(const event_type& event, unsigned made, const std::exception_ptr& thrown) {
    failed_attempt made_of{event.position, std::string(partition_key(event)), made, {}};
    try {
      std::rethrow_exception(thrown);
    } catch (...) {
      made_of.why = current_error("handler");
    }
    return made_of;
  }
  static failed_attempt crashed(const event_type& event, unsigned made) {
    return {event.position,
            std::string(partition_key(event)),
            made,
            {.code = error_code::poison,
             .message = "the process ended in each of " + std::to_string(made) + " attempts to handle event " +
                        text::in_quotes(event.id),
             .event_id = event.id,
             .type = event.type,
             .position = event.position}};
  }
  [[nodiscard]] std::string describe(const failed_attempt& failed) const {
    return "position " + std::to_string(failed.event) + ", attempt " + std::to_string(failed.attempts) + ": " +
           failed.why.message;
  }
  [[nodiscard]] failure_action action_on(const failed_attempt& failed) const {
    const auto& policy = options_.on_failure;
    if (policy.decide) return policy.decide(failed);
    return failed.attempts < policy.attempts ? failure_action::retry : policy.then;
  }
  [[nodiscard]] duration delay_after(unsigned made) const {
    const auto& policy = options_.on_failure;
    auto bound = policy.delay.microseconds;
    for (unsigned i = 1; i < made && bound < policy.longest_delay.microseconds; ++i) bound *= 2;
    bound = std::max<std::int64_t>(std::min(bound, policy.longest_delay.microseconds), 2);
    const auto half = static_cast<std::uint64_t>(bound / 2);
    return duration{bound - static_cast<std::int64_t>(random_source::of_this_thread()() % half)};
  }
  bool give_up(const event_type& event, attempt_count<S>& attempts, failed_attempt failed,
               const std::exception_ptr& thrown, failure_action action) {
    const bool is_parking = action == failure_action::park || action == failure_action::park_loose;
    if (is_parking && parked_.size() >= options_.most_parked) action = failure_action::stop;
    switch (action) {
      case failure_action::skip: ++counters_.skipped; return true;
      case failure_action::park:
      case failure_action::park_loose: return park(event, failed, action == failure_action::park);
      case failure_action::retry:
      case failure_action::stop: break;
    }
    if (attempts.of(event.position) > 0 && !surely([&] { return attempts.note(event.position, 0); })) return false;
    if (thrown) std::rethrow_exception(thrown);
    raise(std::move(failed.why));
  }
  bool park(const event_type& event, const failed_attempt& failed, bool strict) {
    const parked_event one{
        event.position, cell_text(failed.key, failed.key.size()), cell_text(failed.why.message), failed.attempts,
        strict,         timestamp{clock_->now().microseconds}};
    return surely([&] { return parked_.replace(one, {one}); });
  }

  claim<S>& claim_;
  const subscription_options& options_;
  progress& counters_;
  const std::stop_token& stop_;
  must::clock* clock_;
  parked_list<S> parked_;
  std::vector<attempt_count<S>> attempts_{};
  std::atomic<std::int64_t> suspects_{0};  // events to come that may have been begun before a crash
};

}  // namespace must::detail::following

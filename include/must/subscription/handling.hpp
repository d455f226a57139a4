// SPDX-License-Identifier: MIT
// Handles one event: its attempts, and what becomes of one that fails.
#pragma once

#include "must/detail/current_error.hpp"
#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/record.hpp"
#include "must/storage.hpp"
#include "must/stored_names.hpp"
#include "must/subscription/attempts.hpp"
#include "must/subscription/claim.hpp"
#include "must/subscription/fields.hpp"
#include "must/subscription/handler_call.hpp"
#include "must/subscription/hooks.hpp"
#include "must/subscription/options.hpp"
#include "must/subscription/parked.hpp"
#include "must/subscription/partition.hpp"
#include "must/subscription/patience.hpp"
#include "must/subscription/progress.hpp"
#include "must/text/quoted.hpp"
#include "must/timestamp.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <stop_token>
#include <string>
#include <utility>

namespace must::detail::following {

// What the lanes of one run share. The lease is held.
template <CellStorage S>
class handling : public patience<S> {
 public:
  using event_type = recorded<typename S::data_type>;
  using patience<S>::surely;
  using patience<S>::waits_for_store;

  handling(S& storage, claim<S>& claim, const subscription_options& options, progress& counters,
           const std::stop_token& stop)
      : patience<S>(claim, stop),
        claim_(claim),
        options_(options),
        counters_(counters),
        stop_(stop),
        clock_(storage.origin().clock),
        parked_(storage, claim.who(), claim.by(), counters),
        attempts_(storage, claim.who(), claim.by(), claim.found().lanes),
        has_timed_suspects_(!claim.found().clean) {
    if (!claim.found().clean) suspects_ = static_cast<std::int64_t>(std::max(options.save_every, options.window));
  }

  [[nodiscard]] parked_list<S>& parked() { return parked_; }

  [[nodiscard]] std::string key_of(const event_type& event) const { return partition_key(event, options_.key_of); }
  // Returns whether events may have been begun before a crash. They are handled one at a time, so that the one that
  // ends the process is known.
  [[nodiscard]] bool has_suspects() const { return suspects_.load(std::memory_order_relaxed) > 0; }
  // Returns whether there is more to do with the event than to call its handler. It costs a few loads.
  [[nodiscard]] bool needs_care(const event_type& event) const { return is_set_aside(event) || is_suspicious(event); }
  // Returns whether the event waits behind one that is parked, or is parked itself. The latter comes again when a crash
  // kept the checkpoint from passing it. The replay handles both.
  [[nodiscard]] bool is_set_aside(const event_type& event) const {
    return parked_.size() != 0 && (parked_.holds(event.position, event.id) || parked_.blocks(key_of(event)));
  }
  // Returns whether the attempts of the event have to be counted.
  [[nodiscard]] bool is_suspicious(const event_type& event) const {
    return has_suspects() || attempts_.of(event.position, event.id) > 0;
  }
  // Calls `handle()` for the event until it is done with. Returns false when a stop is requested, or when handle()
  // returns false. Throws what the handler threw when the policy is to stop.
  template <typename Handle>
  bool run(const event_type& event, Handle&& handle) {
    if (!is_set_aside(event)) return attempt(event, handle, [] {});
    parked_.count_waiting(key_of(event), event.position);
    return true;
  }
  // Returns whether timed work waits behind an event of its key that is parked, or is parked itself.
  [[nodiscard]] bool is_set_aside(const timed_work& what) const {
    return parked_.size() != 0 && (parked_.blocks(what.key) || parked_.holds(what));
  }
  // Calls `handle()` for timed work until it is done with, and `skip()` when the policy is to skip it.
  template <typename Handle, typename Skip>
  bool run(const timed_work& what, Handle&& handle, Skip&& skip) {
    return attempt(timed_item{what}, handle, skip);
  }
  // Notes that what was due is done, so that the timed work to come was not begun before a crash.
  void end_timed_suspicion() { has_timed_suspects_ = false; }
  // Notes that nothing is left that was begun before a crash.
  void end_suspicion() {
    if (suspects_.exchange(0) > 0) static_cast<void>(surely([&] { return attempts_.flush(); }));
  }
  // Stores how many events wait behind what is parked, before a checkpoint passes them. Returns false at a stop, and
  // when a replay may be stored that got no answer, which is not to be undone.
  bool flush_waiting() {
    return parked_.is_sure() && surely([&] { return parked_.flush(); });
  }

 private:
  // Timed work, as if it were an event that has no position.
  struct timed_item {
    const timed_work& work;
    must::position position = 0;
    std::string id = stored_names::joined({work.decision, escape_nul(work.name)});
    const std::string& type = work.type;
  };

  [[nodiscard]] static std::string key_of(const timed_item& of) { return of.work.key; }
  [[nodiscard]] bool is_suspicious(const timed_item& of) const {
    return has_timed_suspects_ || attempts_.of(of.position, of.id) > 0;
  }
  [[nodiscard]] static std::string deadline_of(const event_type&) { return {}; }
  [[nodiscard]] static std::string deadline_of(const timed_item& of) { return of.work.name; }
  [[nodiscard]] bool was_begun_before(const event_type&) const { return has_suspects(); }
  [[nodiscard]] bool was_begun_before(const timed_item&) const { return has_timed_suspects_; }
  // The attempts of one event or piece of timed work.
  template <typename Item, typename Handle, typename Skip>
  bool attempt(const Item& event, Handle&& handle, Skip&& skip) {
    auto made = attempts_.of(event.position, event.id);
    if (is_suspicious(event)) {
      if (was_begun_before(event) &&
          made >= std::max(options_.on_failure.attempts.value_or(1), options_.on_failure.crashes))
        return give_up(event, crashed(event, made), nullptr, options_.on_failure.then, skip) && done_with(event);
      if (!note(event, made + 1)) return false;
    }
    for (;;) {
      std::exception_ptr thrown;
      try {
        if (handle()) return done_with(event);
        take_back(event, made);
        return false;
      } catch (const thrown_by_store& failure) {
        if (waits_for_store(failure)) continue;
        take_back(event, made);
        if (stop_.stop_requested() && may_pass(failure.what)) return false;
        std::rethrow_exception(failure.what);
      } catch (...) {
        thrown = std::current_exception();
      }
      ++made;
      auto failed = failure_of(event, made, thrown);
      claim_.note_error(describe(failed));
      if (failed.why.retryable && stop_.stop_requested()) {  // What may pass is left to the next run.
        take_back(event, 0);
        return false;
      }
      const auto action = action_on(failed);
      if (action != failure_action::retry)
        return give_up(event, std::move(failed), thrown, action, skip) && done_with(event);
      ++counters_.retries;
      if (!note(event, made + 1)) return false;
      rest(delay_after(made), stop_);
      if (stop_.stop_requested() || !claim_.make_sure(stop_)) {
        take_back(event, made);
        return false;
      }
    }
  }
  template <typename Item>
  bool note(const Item& event, unsigned attempts) {
    return surely([&] { return attempts_.note(event.position, event.id, attempts); });
  }
  // Does not count an attempt that neither the handler nor the process has ended. What cannot be stored now is counted.
  template <typename Item>
  void take_back(const Item& event, unsigned made) {
    if (attempts_.of(event.position, event.id) <= made) return;
    try {
      static_cast<void>(attempts_.note(event.position, event.id, made));
    } catch (const exception& why) {
      claim_.note_error(why.error().message);
    }
  }
  bool done_with(const event_type& event) {
    attempts_.forget(event.position, event.id);
    if (!has_suspects() || --suspects_ > 0) return true;
    return surely([&] { return attempts_.flush(); });
  }
  bool done_with(const timed_item& of) {
    if (attempts_.of(of.position, of.id) == 0) return true;
    attempts_.forget(of.position, of.id);
    return surely([&] { return attempts_.flush(); });
  }
  template <typename Item>
  failed_attempt failure_of(const Item& event, unsigned made, const std::exception_ptr& thrown) const {
    failed_attempt made_of{event.position, key_of(event), made, {}, deadline_of(event)};
    try {
      std::rethrow_exception(thrown);
    } catch (...) {
      made_of.why = current_error("handler");
    }
    return made_of;
  }
  template <typename Item>
  failed_attempt crashed(const Item& event, unsigned made) const {
    return {event.position,
            key_of(event),
            made,
            {.code = error_code::poison,
             .message = "the process ended in each of " + std::to_string(made) + " attempts to handle " + shown(event),
             .event_id = event.id,
             .type = event.type,
             .position = event.position},
            deadline_of(event)};
  }
  [[nodiscard]] static std::string shown(const event_type& event) { return "event " + text::in_quotes(event.id); }
  [[nodiscard]] static std::string shown(const timed_item& of) {
    return "deadline " + text::in_quotes(of.work.name) + " of " + text::in_quotes(of.work.key);
  }
  [[nodiscard]] static std::string describe(const failed_attempt& failed) {
    const auto what = failed.deadline.empty()
                          ? "position " + std::to_string(failed.event)
                          : "deadline " + text::in_quotes(failed.deadline) + " of " + text::in_quotes(failed.key);
    return what + ", attempt " + std::to_string(failed.attempts) + ": " + failed.why.message;
  }
  [[nodiscard]] failure_action action_on(const failed_attempt& failed) const {
    const auto& policy = options_.on_failure;
    if (policy.decide) return policy.decide(failed);
    return failed.attempts < policy.attempts.value_or(1) ? failure_action::retry : policy.then;
  }
  [[nodiscard]] duration delay_after(unsigned made) const {
    const auto& policy = options_.on_failure;
    auto bound = policy.delay.microseconds;
    for (unsigned i = 1; i < made && bound < policy.longest_delay.microseconds; ++i) bound *= 2;
    bound = std::max<std::int64_t>(std::min(bound, policy.longest_delay.microseconds), 2);
    const auto half = static_cast<std::uint64_t>(bound / 2);
    return duration{bound - static_cast<std::int64_t>(random_source::of_this_thread()() % half)};
  }
  template <typename Item, typename Skip>
  bool give_up(const Item& event, failed_attempt failed, const std::exception_ptr& thrown, failure_action action,
               Skip&& skip) {
    const bool is_parking = action == failure_action::park || action == failure_action::park_loose;
    if (is_parking && parked_.size() >= options_.most_parked) action = failure_action::stop;
    if (action == failure_action::skip) {
      const auto skipped = [&] {
        skip();
        return true;
      };
      if (!surely(skipped)) return false;
      ++counters_.skipped;
      return true;
    }
    const bool has_no_key = action == failure_action::park && failed.key.empty();
    if (!has_no_key && (action == failure_action::park || action == failure_action::park_loose))
      return park(event, failed, action == failure_action::park);
    if (attempts_.of(event.position, event.id) > 0 && !note(event, 0)) return false;
    if (has_no_key) raise_keyless(event, failed);
    if (thrown) std::rethrow_exception(thrown);
    raise(std::move(failed.why));
  }
  // Stops instead of parking: every later event without a key would wait behind it, and that is most likely not meant.
  template <typename Item>
  [[noreturn]] static void raise_keyless(const Item& event, const failed_attempt& failed) {
    raise({.code = error_code::bad_input,
           .message = "the event " + text::in_quotes(event.id) + " at position " + std::to_string(event.position) +
                      " cannot be parked, as it has neither a stream nor a partition key: set key_of, give events of "
                      "type " +
                      text::in_quotes(event.type) + " a partition_key, or use park_loose; it failed because " +
                      failed.why.message,
           .field = "then",
           .event_id = event.id,
           .type = event.type,
           .position = event.position});
  }
  [[nodiscard]] static parked_event parked_of(const event_type& event) {
    return {.position = event.position, .id = event.id, .type = event.type};
  }
  [[nodiscard]] static parked_event parked_of(const timed_item& of) {
    return {.position = of.work.after + 1,
            .id = of.work.decision,
            .type = of.work.type,
            .counted_to = of.work.after,
            .deadline = of.work.name};
  }
  template <typename Item>
  bool park(const Item& event, const failed_attempt& failed, bool strict) {
    auto one = parked_of(event);
    one.key = failed.key;
    one.reason = cell_text(failed.why.message);
    one.attempts = failed.attempts;
    one.strict = strict;
    one.when = timestamp{clock_->now().microseconds};
    return surely([&] { return parked_.replace(one, {one}); });
  }

  claim<S>& claim_;
  const subscription_options& options_;
  progress& counters_;
  const std::stop_token& stop_;
  must::clock* clock_;
  parked_list<S> parked_;
  attempt_counts<S> attempts_;
  bool has_timed_suspects_;                // Whether timed work may have been begun before a crash.
  std::atomic<std::int64_t> suspects_{0};  // The events to come that may have been begun before a crash.
};

}  // namespace must::detail::following

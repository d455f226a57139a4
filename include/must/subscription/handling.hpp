// SPDX-License-Identifier: MIT
// Handles one event: its attempts, and what becomes of one that fails.
#pragma once

#include "must/detail/current_error.hpp"
#include "must/error.hpp"
#include "must/record.hpp"
#include "must/storage.hpp"
#include "must/subscription/attempts.hpp"
#include "must/subscription/claim.hpp"
#include "must/subscription/fields.hpp"
#include "must/subscription/handler_call.hpp"
#include "must/subscription/options.hpp"
#include "must/subscription/parked.hpp"
#include "must/subscription/partition.hpp"
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
        parked_(storage, claim.who(), claim.by(), counters),
        attempts_(storage, claim.who(), claim.by(), claim.found().lanes) {
    if (!claim.found().clean) suspects_ = static_cast<std::int64_t>(std::max(options.save_every, options.window));
  }

  [[nodiscard]] parked_list<S>& parked() { return parked_; }
  [[nodiscard]] static std::string message_of(const std::exception_ptr& thrown) {
    try {
      std::rethrow_exception(thrown);
    } catch (...) {
      return current_error("handler").message;
    }
  }
  [[nodiscard]] const std::stop_token& stop() const { return stop_; }

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
    if (is_set_aside(event)) {
      parked_.count_waiting(key_of(event), event.position);
      return true;
    }
    auto made = attempts_.of(event.position, event.id);
    if (is_suspicious(event)) {
      if (has_suspects() && made >= std::max(options_.on_failure.attempts.value_or(1), options_.on_failure.crashes))
        return give_up(event, crashed(event, made), nullptr, options_.on_failure.then) && done_with(event);
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
      if (action != failure_action::retry) return give_up(event, std::move(failed), thrown, action) && done_with(event);
      ++counters_.retries;
      if (!note(event, made + 1)) return false;
      rest(delay_after(made), stop_);
      if (stop_.stop_requested() || !claim_.make_sure(stop_)) {
        take_back(event, made);
        return false;
      }
    }
  }
  // Rests for a while after a failure of the store that may pass. Returns whether to go on.
  bool waits_for_store(const thrown_by_store& failure) {
    if (!may_pass(failure.what)) return false;
    claim_.note_error(message_of(failure.what));
    rest(duration{100'000}, stop_);
    return !stop_.stop_requested() && claim_.make_sure(stop_);
  }
  // Notes that nothing is left that was begun before a crash.
  void end_suspicion() {
    if (suspects_.exchange(0) > 0) static_cast<void>(surely([&] { return attempts_.flush(); }));
  }
  // Stores how many events wait behind what is parked, before a checkpoint passes them. Returns false at a stop.
  bool flush_waiting() {
    return surely([&] { return parked_.flush(); });
  }

  // Stores what a handler has done, by `write()`, which returns whether the lease is held. Returns false at a stop.
  // Throws thrown_by_handler and thrown_by_store. A write that got no answer is done, or ends the run: nobody knows
  // then whether the handler counts.
  template <typename Write>
  bool commit(Write&& write) {
    std::exception_ptr unanswered;
    const auto attempt = [&] {
      try {
        return write();
      } catch (const thrown_by_handler&) {
        if (unanswered) std::rethrow_exception(unanswered);
        throw;
      } catch (const outcome_unknown&) {
        unanswered = std::current_exception();
        throw;
      }
    };
    try {
      return surely(attempt);
    } catch (const thrown_by_handler&) {
      throw;
    } catch (...) {
      throw thrown_by_store{std::current_exception()};
    }
  }

  // Does what the store refuses for a while until it is done. Returns false when a stop is requested. `work` returns
  // whether the lease is held.
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
  bool note(const event_type& event, unsigned attempts) {
    return surely([&] { return attempts_.note(event.position, event.id, attempts); });
  }
  // Does not count an attempt that neither the handler nor the process has ended. What cannot be stored now is counted.
  void take_back(const event_type& event, unsigned made) {
    if (attempts_.of(event.position, event.id) <= made) return;
    try {
      static_cast<void>(attempts_.note(event.position, event.id, made));
    } catch (const exception& why) {
      claim_.note_error(why.error().message);
    }
  }
  bool done_with(const event_type& event) {
    attempts_.forget(event.position);
    if (!has_suspects() || --suspects_ > 0) return true;
    return surely([&] { return attempts_.flush(); });
  }
  failed_attempt failure_of(const event_type& event, unsigned made, const std::exception_ptr& thrown) const {
    failed_attempt made_of{event.position, key_of(event), made, {}};
    try {
      std::rethrow_exception(thrown);
    } catch (...) {
      made_of.why = current_error("handler");
    }
    return made_of;
  }
  failed_attempt crashed(const event_type& event, unsigned made) const {
    return {event.position,
            key_of(event),
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
  bool give_up(const event_type& event, failed_attempt failed, const std::exception_ptr& thrown,
               failure_action action) {
    const bool is_parking = action == failure_action::park || action == failure_action::park_loose;
    if (is_parking && parked_.size() >= options_.most_parked) action = failure_action::stop;
    if (action == failure_action::skip) {
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
  [[noreturn]] static void raise_keyless(const event_type& event, const failed_attempt& failed) {
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
  bool park(const event_type& event, const failed_attempt& failed, bool strict) {
    const parked_event one{event.position,  failed.key, cell_text(failed.why.message),
                           failed.attempts, strict,     timestamp{clock_->now().microseconds},
                           event.id,        event.type};
    return surely([&] { return parked_.replace(one, {one}); });
  }

  claim<S>& claim_;
  const subscription_options& options_;
  progress& counters_;
  const std::stop_token& stop_;
  must::clock* clock_;
  parked_list<S> parked_;
  attempt_counts<S> attempts_;
  std::atomic<std::int64_t> suspects_{0};  // The events to come that may have been begun before a crash.
};

}  // namespace must::detail::following

// SPDX-License-Identifier: MIT
// Handles parked events again, when that is asked for.
#pragma once

#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/storage.hpp"
#include "must/stored_names.hpp"
#include "must/subscription/claim.hpp"
#include "must/subscription/fields.hpp"
#include "must/subscription/handler_call.hpp"
#include "must/subscription/handling.hpp"
#include "must/subscription/hooks.hpp"
#include "must/subscription/parked.hpp"
#include "must/subscription/parked_requests.hpp"
#include "must/subscription/patience.hpp"
#include "must/subscription/progress.hpp"

#include <atomic>
#include <exception>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace must::detail::following {

template <CellStorage S, typename Handler>
class replay {
 public:
  using event_type = recorded<typename S::data_type>;
  using call_type = handler_call<S, Handler>;

  replay(S& storage, const query& which, const call_type& call, handling<S>& handling, claim<S>& claim,
         progress& counters)
      : storage_(storage),
        which_(which),
        call_(call),
        handling_(handling),
        claim_(claim),
        counters_(counters),
        key_(stored_names::beside(claim.who().cell(), "requests").now) {}

  // Returns whether something is asked for and not done. It costs a read while something is parked.
  [[nodiscard]] bool is_asked() {
    asked_.clear();
    if (parked().size() == 0) return false;
    const auto found = storage_.get(key_);
    if (!found) return false;
    const auto requests = parked_requests::of(found->bytes);
    if (requests.since != claim_.by().since) return false;
    for (const auto& one : requests.open)
      if (one.number > parked().done()) asked_.push_back(one);
    return !asked_.empty();
  }
  // Does what is asked for. No handler runs beside it. Everything at or below `handled` is handled or parked.
  void run(position handled) {
    for (const auto& request : asked_) {
      for (const auto& one : asked_for(request, parked().all())) {
        if (stop().stop_requested()) return;
        run(request.what, one, handled);
      }
      if (stop().stop_requested() || !handling_.surely([&] { return parked().set_done(request.number); })) return;
    }
  }

 private:
  using action = parked_request::action;

  [[nodiscard]] parked_list<S>& parked() { return handling_.parked(); }
  [[nodiscard]] const std::stop_token& stop() const { return handling_.stop(); }

  void run(action what, parked_event one, position handled) {
    prove(one);
    if ((what == action::drop || what == action::skip) && !one.deadline.empty() && !give_up(one)) return;
    if (what == action::drop || (what == action::skip && !one.strict)) {
      if (handling_.surely([&] { return parked().replace(one, {}); })) counters_.skipped += 1 + one.waiting;
      return;
    }
    if (what == action::skip && one.attempts > 0) {
      if (!handling_.surely([&] { return parked().replace(one, {rest_of(one, passed_by(one))}); })) return;
      one = rest_of(one, passed_by(one));
      ++counters_.skipped;
    } else if (one.attempts > 0 && !handle_parked(one)) {
      return;
    }
    if (one.strict) handle_waiting(one, handled);
  }
  // Throws history_changed when the event that was parked is not the one that stands there now.
  void prove(const parked_event& one) {
    if (still_stands(storage_, one)) return;
    claim_.spoil();
    raise_parked_elsewhere(claim_.who(), one);
  }
  // Replays the parked event itself. Returns false when it stays, or at a stop.
  bool handle_parked(parked_event& one) {
    if (!one.deadline.empty()) return may_go_on() && try_to_handle(one, one);
    bool found = false, done = false;
    static_cast<void>(
        storage_.read(which_, {.after = one.position - 1, .until = one.position}, [&](const event_type& event) {
          found = true;
          done = may_go_on() && try_to_handle(event, one);
        }));
    if (found) return done;
    stays(one, "the query of the subscription does not match the event any more: skip it, or drop it");
    return false;
  }
  // Replays the events of its key that wait behind it.
  void handle_waiting(parked_event& one, position handled) {
    bool done = true;
    static_cast<void>(
        storage_.read(which_, {.after = one.position - 1, .until = handled}, [&](const event_type& event) {
          done = may_go_on();
          if (done && handling_.key_of(event) == one.key) done = try_to_handle(event, one);
          return done;
        }));
    if (!done) return;
    if (one.waiting > 0 && one.counted_to <= handled)
      stays(one, std::to_string(one.waiting) +
                     " of the events that wait are not found, as the subscription has another key_of or query now than "
                     "when they were counted: give it the former ones back, or drop it");
    else
      handling_.surely([&] { return parked().replace(one, {}); });
  }
  [[nodiscard]] bool may_go_on() { return !stop().stop_requested() && claim_.make_sure(stop()); }
  // Notes that a deadline is passed over for good. Returns false at a stop.
  bool give_up(const parked_event& one) {
    return may_go_on() && handling_.surely([&] {
      call_.give_up(work_of(one));
      return true;
    });
  }
  static timed_work work_of(const parked_event& one) {
    return {one.key, one.id, one.type, one.deadline, passed_by(one)};
  }
  // Returns false when the event or deadline is parked now, with what the handler threw, or at a stop.
  template <typename Event>
  bool try_to_handle(const Event& event, parked_event& one) {
    for (;;) {
      try {
        return handle(event, one);
      } catch (const thrown_by_handler& failure) {
        fails(event, one, message_of(failure.what));
      } catch (const thrown_by_store& failure) {
        if (handling_.waits_for_store(failure)) continue;
        if (!stop().stop_requested() || !may_pass(failure.what)) std::rethrow_exception(failure.what);
      } catch (...) {
        fails(event, one, message_of(std::current_exception()));
      }
      return false;
    }
  }
  void fails(const event_type& event, parked_event& one, const std::string& why) {
    auto now = one;
    if (one.attempts == 0 && event.position <= one.counted_to && now.waiting > 0) --now.waiting;
    now.position = event.position;
    now.id = event.id;
    now.type = event.type;
    fails_again(one, std::move(now), why);
  }
  void fails(const parked_event& deadline, parked_event& one, const std::string& why) {
    fails_again(one, deadline, why);
  }
  void fails_again(parked_event& one, parked_event now, const std::string& why) {
    ++now.attempts;
    now.reason = cell_text(why);
    if (handling_.surely([&] { return parked().replace(one, {now}); })) one = now;
  }
  void stays(parked_event& one, const std::string& why) {
    auto now = one;
    now.reason = why;
    handling_.surely([&] { return parked().replace(one, {now}); });
  }
  // Returns what is left to do once everything of the key at or below a position is done.
  static parked_event rest_of(parked_event one, position done) {
    if (one.attempts == 0 && done >= one.position && done <= one.counted_to && one.waiting > 0) --one.waiting;
    one.position = done + 1;
    one.attempts = 0;
    one.id.clear();
    one.type.clear();
    one.deadline.clear();
    return one;
  }
  // Finishes `one`, or moves it on to the events of its key that wait. Returns false at a stop.
  bool handle(const parked_event& deadline, parked_event& one) {
    call_.handle(work_of(deadline));
    const auto next = rest_of(one, passed_by(one));
    const auto left = one.strict ? std::vector{next} : std::vector<parked_event>{};
    if (!handling_.commit([&] { return parked().replace(one, left); })) return false;
    one = next;
    return true;
  }
  bool handle(const event_type& event, parked_event& one) {
    const auto next = rest_of(one, event.position);
    const auto left = one.strict ? std::vector{next} : std::vector<parked_event>{};
    if constexpr (!call_type::is_transactional) call_(event);
    const bool done = handling_.commit([&] {
      if constexpr (call_type::is_transactional)
        return parked().replace_with(one, left, [&](typename S::transaction& in) { call_(in, event); });
      else
        return parked().replace(one, left);
    });
    if (!done) return false;
    one = next;
    counters_.handled.fetch_add(1, std::memory_order_relaxed);
    return true;
  }

  S& storage_;
  const query& which_;
  const call_type& call_;
  handling<S>& handling_;
  claim<S>& claim_;
  progress& counters_;
  std::string key_;
  std::vector<parked_request> asked_{};
};

}  // namespace must::detail::following

// SPDX-License-Identifier: MIT
// One run of a subscription: reads, hands out, saves, waits.
#pragma once

#include "must/detail/at_exit.hpp"
#include "must/detail/current_error.hpp"
#include "must/detail/rest.hpp"
#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/storage.hpp"
#include "must/storage/abilities.hpp"
#include "must/storage/kit/polling.hpp"
#include "must/subscription/anchor.hpp"
#include "must/subscription/claim.hpp"
#include "must/subscription/handler_call.hpp"
#include "must/subscription/handling.hpp"
#include "must/subscription/health.hpp"
#include "must/subscription/hooks.hpp"
#include "must/subscription/lanes.hpp"
#include "must/subscription/options.hpp"
#include "must/subscription/parked.hpp"
#include "must/subscription/parked_event.hpp"
#include "must/subscription/progress.hpp"
#include "must/subscription/replay.hpp"
#include "must/subscription/sure_span.hpp"
#include "must/timestamp.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <stop_token>
#include <string>
#include <utility>

namespace must::detail::following {

template <CellStorage S, typename Handler>
class following {
 public:
  using event_type = recorded<typename S::data_type>;
  using call_type = handler_call<S, Handler>;

  following(S& storage, const query& which, Handler& handler, const subscription_options& options, progress& counters,
            claim<S>& claim, std::stop_source& ended)
      : storage_(storage),
        which_(which),
        handler_(handler),
        options_(options),
        counters_(counters),
        claim_(claim),
        stop_(ended.get_token()),
        call_(storage, handler),
        handling_(storage, claim, options, counters, stop_),
        lanes_(storage, call_, handling_, claim, options, counters, ended),
        replay_(storage, which, call_, handling_, claim, counters),
        read_to_(claim.found().handled) {
    counters_.advance(read_to_.at);
    counters_.saved = read_to_.at;
    counters_.touch();
  }
  following(const following&) = delete;
  following& operator=(const following&) = delete;

  // Prepares what has to be there before the first event. Throws what ends the run.
  void start() {
    guarded([&] {
      if constexpr (has_hooks<Handler> && requires { handler_.begin_run(stop_); }) handler_.begin_run(stop_);
      start_lanes();
    });
  }
  // Handles what the store has up to a position. When it is live, it also handles what comes, until a stop is
  // requested. Throws what ends the run.
  void run(bool live, position until) {
    until_ = until;
    guarded([&] {
      do {
        live ? pass_patiently() : pass();
        if (failure_) std::rethrow_exception(failure_);
      } while (live && !stop_.stop_requested());
      if (!live) drain();
    });
    if (!finish() && claim_.is_over()) claim_.raise_lost();
  }

 private:
  [[nodiscard]] parked_list<S>& parked() { return handling_.parked(); }

  template <typename Work>
  void guarded(Work&& work) {
    try {
      work();
    } catch (...) {
      if (!claim_.is_over()) leave();
      throw;
    }
  }
  void pass() {
    if (!claim_.make_sure(stop_)) return;
    if (replay_.is_asked() && pass_what_was_begun() && save_surely()) replay_.run(read_to_.at);
    if (!failure_) pass(until_);
    if (!failure_) tick();
  }
  void pass(position until) { lanes_.are_open() ? pass_to_lanes(until) : pass_directly(until); }
  // Passes what an earlier run began above the checkpoint, before anything is replayed. Otherwise an event that is
  // replayed would come again, and one that waits in a lane ahead would be left out. Returns whether that is done.
  bool pass_what_was_begun() {
    if (read_to_.at < begun_to_) {
      if (begun_to_ > until_) return false;
      pass(begun_to_);
    }
    drain();
    return !failure_ && !stop_.stop_requested();
  }
  // Makes a pass, and waits for the next. A failure of the store that may pass is waited for.
  void pass_patiently() {
    try {
      pass();
      if (!failure_ && !stop_.stop_requested()) idle();
    } catch (const exception& why) {
      if (!may_pass(why.error()) || !parked().is_sure())
        throw;  // The next run reads what is stored of the parked events.
      counters_.note_error(why.error().message);
      rest(duration{100'000}, stop_);
    }
  }
  // Calls a handler that does something at certain times, and notes how long it is until the next time.
  void tick() {
    [[maybe_unused]] timed_runs timed{handling_, read_to_.at};
    if constexpr (has_hooks<Handler> && requires { handler_.tick(timed); }) {
      if (stop_.stop_requested() || !claim_.make_sure(stop_)) return;
      longest_idle_ = handler_.tick(timed);
      if (!stop_.stop_requested()) handling_.end_timed_suspicion();
    }
  }
  // What a handler does timed work by.
  struct timed_runs {
    handling<S>& handling_;
    position after;
    [[nodiscard]] bool is_set_aside(const timed_work& what) const { return handling_.is_set_aside(what); }
    template <typename Handle, typename Skip>
    bool run(timed_work what, Handle&& handle, Skip&& skip) {
      what.after = after;
      return handling_.run(what, handle, skip);
    }
  };
  // Waits until everything that was handed out is handled.
  void drain() {
    const auto is_done = [&](std::size_t finished, std::size_t all) {
      return finished == all || stop_.stop_requested();
    };
    while (lanes_.are_open() && !lanes_.pool().wait(std::chrono::microseconds(options_.save_interval), is_done))
      save_when_due();
  }
  // Waits for new events, no longer than until it is time to save.
  void idle() {
    save_when_due();
    const auto longest = std::min(options_.save_interval, duration{options_.stalled_after.microseconds / 2 + 1});
    polling_.wait(storage_, read_to_.at, std::min(longest, longest_idle_), stop_);
  }
  // Ends in order. Returns whether the checkpoint was saved. Throws what a handler threw in a lane.
  bool finish() {
    if (lanes_.are_open()) lanes_.pool().end();
    const bool is_saved = handling_.flush_waiting() && claim_.release(handled());
    counters_.saved = claim_.saved();
    if (lanes_.are_open()) lanes_.pool().wait({}, [](auto...) { return true; });
    return is_saved;
  }
  // Ends after a failure, which is the one that is thrown.
  void leave() {
    try {
      static_cast<void>(finish());
    } catch (...) {
      counters_.note_error(current_error("put").message);
    }
  }

  // --- one after another ---
  void pass_directly(position until) {
    handled_ = counters_.handled;
    counters_.in_flight = 1;
    const at_exit ends([&] { counters_.in_flight = 0; });
    const bool complete = read_on(until, [&](const event_type& event) {
      if (stop_.stop_requested() || (!sure_.lasts() && !claim_.make_sure(stop_))) return false;
      if (!handle(event)) return false;
      counters_.advance(event.position);
      if (++unsaved_ >= options_.save_every || claim_.is_save_due()) {
        read_to_ = anchor_of(event);
        save();
      }
      return true;
    });
    counters_.advance(read_to_.at);
    if (complete && !failure_ && until == until_) caught_up();
  }
  // Hands out what there is up to a position. Returns whether that was all. Throws history_changed.
  template <typename Visit>
  bool read_on(position until, Visit&& visit) {
    bool complete = true;
    sure_.begin_read();
    try {
      read_history(
          storage_, claim_.name(), which_, read_to_, until, [&](const anchor& target) { claim_.expect(target); },
          [&](const event_type& event) { return complete = visit(event); });
    } catch (const history_changed&) {
      claim_.spoil();
      throw;
    }
    return complete;
  }
  void caught_up() {
    if (stop_.stop_requested()) return;
    counters_.touch();
    handling_.end_suspicion();
  }
  // Returns false when the run ends here, at a stop or for what is in failure_ then.
  bool handle(const event_type& event) {
    if (handling_.needs_care(event)) return handle_with_care(event, nullptr);
    try {
      return call(event);
    } catch (...) {
      return handle_with_care(event, std::current_exception());
    }
  }
  bool handle_with_care(const event_type& event, std::exception_ptr first_failure) {
    try {
      return handling_.run(event, [&] {
        if (first_failure) std::rethrow_exception(std::exchange(first_failure, nullptr));
        return call(event);
      });
    } catch (...) {
      failure_ = std::current_exception();
      return false;
    }
  }
  bool call(const event_type& event) {
    if constexpr (!call_type::is_transactional) {
      call_(event);
      counters_.handled.store(++handled_, std::memory_order_relaxed);
    }
    return true;
  }

  // --- in lanes ---
  // The events that the former lanes have begun are done by as many lanes, before others take their place. At a stop,
  // the former lanes stay.
  void start_lanes() {
    for (const auto& one : parked().all()) begun_to_ = std::max(begun_to_, passed_by(one));
    const auto former = claim_.found().lanes;
    if constexpr (call_type::is_transactional) {
      lanes_.open(former, read_to_);
      const auto farthest = lanes_.farthest();
      begun_to_ = std::max(begun_to_, farthest);
      if (former == options_.lanes) return;
      if (farthest > read_to_.at) {
        pass_to_lanes(farthest);
        drain();
        if (stop_.stop_requested() || !handling_.flush_waiting()) return;
      }
      lanes_.close();
      claim_.set_lanes(options_.lanes, read_to_);
      note_saved(read_to_.at);
      lanes_.open(options_.lanes, read_to_);
    } else {
      if (options_.lanes > 1 || call_.batch() > 1) lanes_.open(options_.lanes, read_to_);
      if (former != options_.lanes && !stop_.stop_requested()) claim_.set_lanes(options_.lanes, read_to_);
    }
  }
  void pass_to_lanes(position until) {
    const bool complete = read_on(until, [&](const event_type& event) {
      if (!make_room()) return false;
      lanes_.push(event);
      if (handling_.has_suspects()) drain();
      return true;
    });
    if (!complete || stop_.stop_requested()) return;
    lanes_.pool().read_to(read_to_);
    if (lanes_.pool().is_idle() && until == until_) caught_up();
  }
  // Waits until one more event fits into the window above the checkpoint, while the lease is held.
  bool make_room() {
    for (bool was_full = false; !stop_.stop_requested() && (sure_.lasts() || claim_.make_sure(stop_));) {
      const auto full = lanes_.pool().size() >= options_.window;
      if (!full && !claim_.is_save_due()) return true;
      if (full && std::exchange(was_full, full)) rest(duration{10'000}, stop_);  // The save before has failed.
      if (full)
        lanes_.pool().wait(
            std::chrono::microseconds(options_.save_interval),
            [&](std::size_t finished, std::size_t all) { return finished >= (all + 1) / 2 || stop_.stop_requested(); });
      save();
    }
    return false;
  }

  // --- the checkpoint ---
  void save_when_due() {
    if (claim_.is_save_due()) save();
  }
  // Returns the position at or below which everything is handled.
  [[nodiscard]] anchor handled() const { return lanes_.are_open() ? lanes_.pool().handled() : read_to_; }
  void save() {
    const auto at = handled();
    if (!handling_.flush_waiting() || !claim_.save(at)) return;
    unsaved_ = 0;
    if (lanes_.are_open()) lanes_.pool().release(at.at);
    note_saved(at.at);
  }
  // Saves before parked events are handled again, skipped or dropped. Otherwise they would come again after a crash,
  // though they are not parked any more. Everything that was handed out is handled. Returns false at a stop.
  bool save_surely() {
    const bool is_saved = handling_.flush_waiting() && handling_.surely([&] {
      claim_.set_lanes(options_.lanes, read_to_);
      return true;
    });
    if (!is_saved) return false;
    if (lanes_.are_open()) lanes_.pool().release(read_to_.at);
    note_saved(read_to_.at);
    return true;
  }
  void note_saved(position at) {
    if (counters_.saved.exchange(at) == at) return;
    if (options_.observer) options_.observer(health_of(storage_, which_, options_, counters_));
  }

  S& storage_;
  const query& which_;
  Handler& handler_;
  const subscription_options& options_;
  progress& counters_;
  claim<S>& claim_;
  std::stop_token stop_;
  call_type call_;
  handling<S> handling_;
  lanes<S, Handler> lanes_;
  replay<S, Handler> replay_;
  anchor read_to_;
  sure_stretch sure_{claim_.sure(), HistoryStorage<S> ? 1U : 16U};
  position until_ = 0;
  position begun_to_ = 0;  // An earlier run has passed it in a lane, or has parked an event there.
  std::size_t unsaved_ = 0;
  std::uint64_t handled_ = 0;
  duration longest_idle_{longest_span};
  kit::polling polling_{options_.poll_interval};
  std::exception_ptr failure_{};  // What the handler threw, or what else ends the run at an event.
};

}  // namespace must::detail::following

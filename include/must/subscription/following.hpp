// SPDX-License-Identifier: MIT
// One run of a subscription: reads, hands out, saves, waits.
#pragma once

#include "must/detail/at_exit.hpp"
#include "must/detail/observe.hpp"
#include "must/storage/waitable.hpp"
#include "must/subscription/claim.hpp"
#include "must/subscription/handling.hpp"
#include "must/subscription/health.hpp"
#include "must/subscription/lane_pool.hpp"

#include <algorithm>
#include <chrono>
#include <concepts>
#include <deque>
#include <exception>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace must::detail {

template <typename S, typename Handler>
inline constexpr bool takes_transaction = false;
template <TransactionalStorage S, typename Handler>
inline constexpr bool takes_transaction<S, Handler> =
    std::invocable<Handler&, typename S::transaction&, const recorded<typename S::data_type>&>;

// What a handler threw inside a transaction: not to be taken for a failure of the store.
struct thrown_by_handler {
  std::exception_ptr what;
};

template <CellStorage S, typename Handler>
class following {
 public:
  using event_type = recorded<typename S::data_type>;
  static constexpr bool is_transactional = takes_transaction<S, Handler>;
  static constexpr bool is_batched = requires(const Handler& handler) { handler.batch(); };

  following(S& storage, const query& which, Handler& handler, const subscription_options& options, progress& counters,
            claim<S>& claim, std::stop_source& ended)
      : storage_(storage),
        which_(which),
        handler_(handler),
        options_(options),
        counters_(counters),
        claim_(claim),
        ended_(ended),
        stop_(ended.get_token()),
        handling_(storage, claim, options, counters, stop_),
        read_to_(claim.found().at) {
    counters_.advance(read_to_);
    counters_.saved = read_to_;
    counters_.parked = parked().size();
  }
  following(const following&) = delete;
  following& operator=(const following&) = delete;

  // Handles what the store has up to a position; live: and what comes, until a stop is requested. Throws what ends it.
  void run(bool live, position until) {
    until_ = until;
    try {
      if constexpr (requires { handler_.begin_run(); }) handler_.begin_run();
      start_lanes();
      do {
        const bool passed = try_to_pass(live);
        if (live && !stop_.stop_requested()) idle(passed);
      } while (live && !stop_.stop_requested());
      if (!live) drain();
    } catch (const not_owner&) {
      throw;
    } catch (...) {
      leave();
      throw;
    }
    finish();
  }

 private:
  [[nodiscard]] parked_list<S>& parked() { return handling_.parked(); }

  // Live, a failure of the store that may pass is waited for.
  bool try_to_pass(bool live) {
    try {
      if (!claim_.make_sure(stop_)) return true;
      replay_when_asked();
      if (pool_)
        pass_to_lanes(until_);
      else
        pass_directly();
      tick();
      return true;
    } catch (const storage_error& why) {
      if (!live || !why.error().retryable) throw;
      counters_.note_error(why.error().message);
      return false;
    }
  }
  // A handler that does something at certain times says how long it is until the next.
  void tick() {
    if constexpr (requires { handler_.tick(); }) {
      if (!stop_.stop_requested() && claim_.make_sure(stop_)) longest_idle_ = handler_.tick();
    }
  }
  // Waits until everything that was handed out is handled.
  void drain() {
    const auto is_done = [&](std::size_t finished, std::size_t all) {
      return finished == all || stop_.stop_requested();
    };
    while (pool_ && !pool_->wait(to_chrono(options_.save_interval), is_done)) save_when_due();
  }
  // Waits for new events, no longer than until it is time to save.
  void idle(bool passed) {
    save_when_due();
    if (!passed) return rest(duration{100'000}, stop_);
    const auto longest = std::min(options_.save_interval, longest_idle_);
    if constexpr (WaitableStorage<S>)
      static_cast<void>(storage_.wait_for(read_to_ + 1, longest, stop_));
    else
      rest(std::min(options_.poll_interval, longest), stop_);
  }
  // The end in order. Throws what a handler threw in a lane.
  void finish() {
    if (pool_) pool_->end();
    claim_.release(counters_.scanned());
    counters_.saved = claim_.saved();
    if (pool_) pool_->wait({}, [](auto...) { return true; });
  }
  // The end after a failure, which is the one to be told.
  void leave() {
    try {
      finish();
    } catch (...) {
      counters_.note_error(current_error("put").message);
    }
  }

  // --- one after another ---
  void pass_directly() {
    std::exception_ptr failure;
    handled_ = counters_.handled;
    counters_.in_flight = 1;
    const at_exit ends([&] { counters_.in_flight = 0; });
    const auto read = storage_.read(which_, {.after = read_to_, .until = until_}, [&](const event_type& event) {
      if (stop_.stop_requested() || (!claim_.is_sure() && !claim_.make_sure(stop_))) return false;
      if (!handle(event, failure)) return false;
      read_to_ = event.position;
      counters_.advance(read_to_);
      if (++unsaved_ >= options_.save_every || claim_.is_save_due()) save();
      return true;
    });
    if (failure) std::rethrow_exception(failure);
    if (!read.complete || stop_.stop_requested() || read.scanned < read_to_) return;
    read_to_ = read.scanned;
    counters_.advance(read_to_);
  }
  // False when the run ends here: at a stop, or for what is in `failure` then.
  bool handle(const event_type& event, std::exception_ptr& failure) {
    if (handling_.needs_care(0, event)) return handle_with_care(event, nullptr, failure);
    try {
      return call(event);
    } catch (...) {
      return handle_with_care(event, std::current_exception(), failure);
    }
  }
  bool handle_with_care(const event_type& event, std::exception_ptr first_failure, std::exception_ptr& failure) {
    try {
      return handling_.run(event, 0, [&] {
        if (first_failure) std::rethrow_exception(std::exchange(first_failure, nullptr));
        return call(event);
      });
    } catch (...) {
      failure = std::current_exception();
      return false;
    }
  }
  bool call(const event_type& event) {
    if constexpr (!is_transactional) {
      call_handler(event);
      counters_.handled.store(++handled_, std::memory_order_relaxed);
    }
    return true;
  }

  void call_handler(const event_type& event) {
    observe_handler(storage_, event, 1, [&] { handler_(event); });
  }

  // --- in lanes ---
  void start_lanes() {
    if constexpr (is_transactional) {
      const auto former = claim_.found().lanes;
      open_lanes(former);
      const auto farthest = *std::max_element(lanes_at_.begin(), lanes_at_.end());
      if (former != options_.lanes && farthest > read_to_) {
        pass_to_lanes(farthest);
        drain();
        pool_.reset();
        save();
      }
      if (former != options_.lanes) open_lanes(options_.lanes);
    } else if (options_.lanes > 1 || batch() > 1) {
      lanes_at_.assign(options_.lanes, 0);
      open_pool(batch());
    }
    if (claim_.found().lanes != options_.lanes && !stop_.stop_requested()) claim_.set_lanes(options_.lanes);
  }
  void open_lanes(unsigned count) {
    lane_cells_.clear();
    lanes_at_.clear();
    for (unsigned i = 0; i < count; ++i) {
      auto& cell = lane_cells_.emplace_back(storage_, claim<S>::key_of(claim_.name()) + "/lane/" + std::to_string(i));
      cell.take(claim_.by());
      lanes_at_.push_back(std::max(read_count(cell.fields(), 0), read_to_));
    }
    skipped_to_ = lanes_at_;
    open_pool(options_.save_every);
  }
  void open_pool(std::size_t most) {
    pool_.emplace(lanes_at_.size(), most, counters_,
                  [this](std::size_t lane, std::span<const event_type* const> events) {
                    try {
                      return handle_in_lane(lane, events);
                    } catch (...) {
                      ended_.request_stop();
                      throw;
                    }
                  });
  }
  bool handle_in_lane(std::size_t lane, std::span<const event_type* const> events) {
    if constexpr (is_transactional) {
      return handle_together(lane, events);
    } else if constexpr (is_batched) {
      return handle_batch(lane, events);
    } else {
      for (const auto* event : events) {
        if (!handling_.run(*event, lane, [&] {
              call_handler(*event);
              counters_.handled.fetch_add(1, std::memory_order_relaxed);
              return true;
            }))
          return false;
      }
      return true;
    }
  }
  // How many events the handler takes at once.
  [[nodiscard]] std::size_t batch() const {
    if constexpr (is_batched)
      return handler_.batch();
    else
      return 1;
  }
  // Hands over as many as can be, and the first that fails alone.
  bool handle_batch(std::size_t lane, std::span<const event_type* const> events) {
    for (std::size_t at = 0; at < events.size(); ++at) {
      std::exception_ptr failed;
      if (!handling_.needs_care(lane, *events[at])) {
        const auto done = observe_handler(storage_, *events[at], events.size() - at,
                                          [&] { return handler_.try_all(events.subspan(at), failed); });
        counters_.handled.fetch_add(done, std::memory_order_relaxed);
        at += done;
        if (at == events.size()) return true;
      }
      const bool handled = handling_.run(*events[at], lane, [&] {
        if (failed) std::rethrow_exception(std::exchange(failed, nullptr));
        call_handler(*events[at]);
        counters_.handled.fetch_add(1, std::memory_order_relaxed);
        return true;
      });
      if (!handled) return false;
    }
    return true;
  }
  void pass_to_lanes(position until) {
    const auto read = storage_.read(which_, {.after = read_to_, .until = until}, [&](const event_type& event) {
      if (!make_room() || (!claim_.is_sure() && !claim_.make_sure(stop_))) return false;
      const auto lane = lane_of(partition_key(event), lanes_at_.size());
      read_to_ = event.position;
      if (skipped_to_.empty() || event.position > skipped_to_[lane]) pool_->push(event, lane);
      return true;
    });
    if (!read.complete || stop_.stop_requested() || read.scanned < read_to_) return;
    read_to_ = read.scanned;
    pool_->read_to(read_to_);
  }
  // Waits until one more event fits into the window above the checkpoint.
  bool make_room() {
    while (!stop_.stop_requested()) {
      const auto full = pool_->size() >= options_.window;
      if (!full && !claim_.is_save_due()) return true;
      if (full)
        pool_->wait(to_chrono(options_.save_interval), [&](std::size_t finished, std::size_t all) {
          return finished >= (all + 1) / 2 || stop_.stop_requested();
        });
      save();
    }
    return false;
  }

  // --- the handler in the transaction of the lane's checkpoint ---
  bool handle_together(std::size_t lane, std::span<const event_type* const> events) {
    if (events.size() > 1 && !handling_.needs_care(lane, *events.front())) {
      try {
        return commit(lane, events);
      } catch (const thrown_by_handler&) {
        // each alone, to find the one that fails
      }
    }
    for (const auto* event : events) {
      const bool done = handling_.run(*event, lane, [&] {
        try {
          return commit(lane, std::span(&event, 1));
        } catch (const thrown_by_handler& failure) {
          std::rethrow_exception(failure.what);
        }
      });
      if (!done) return false;
      if (lanes_at_[lane] < event->position && !move_on(lane, event->position)) return false;
    }
    return true;
  }
  bool commit(std::size_t lane, std::span<const event_type* const> events) {
    const auto last = events.back()->position;
    const bool done = handling_.surely([&] {
      return lane_cells_[lane].write_with({std::to_string(last)}, [&](typename S::transaction& in) {
        for (const auto* event : events) call_in(in, *event);
      });
    });
    if (!done) return false;
    lanes_at_[lane] = last;
    counters_.handled.fetch_add(events.size(), std::memory_order_relaxed);
    return true;
  }
  template <typename Transaction>
  void call_in(Transaction& in, const event_type& event) {
    try {
      observe_handler(storage_, event, 1, [&] { handler_(in, event); });
    } catch (...) {
      throw thrown_by_handler{std::current_exception()};
    }
  }
  bool move_on(std::size_t lane, position to) {
    lanes_at_[lane] = to;
    return handling_.surely([&] { return lane_cells_[lane].write({std::to_string(to)}); });
  }

  // --- the checkpoint ---
  void save_when_due() {
    if (claim_.is_save_due()) save();
  }
  void save() {
    const auto at = counters_.scanned();
    if (!claim_.save(at)) return;
    unsaved_ = 0;
    if (pool_) pool_->release(at);
    if (counters_.saved.exchange(at) == at) return;
    counters_.parked = parked().size();
    if (options_.observer) options_.observer(health_of(storage_, which_, options_, counters_));
  }

  // --- parked events ---
  void replay_when_asked() {
    if (parked().size() == 0) return;
    const auto asked = storage_.get(replay_key(claim_.name()));
    if (!asked || asked->revision == parked().replayed()) return;
    drain();
    for (const auto& one : parked().all()) replay(one);
    if (!stop_.stop_requested() && !parked().set_replayed(asked->revision)) claim_.raise_lost();
  }
  // Handles the event, and those of its key that wait behind it; one that fails again stays, with the new reason.
  void replay(parked_event one) {
    std::optional<std::string> failed;
    const position until = one.strict ? read_to_ : one.position;
    const auto read = storage_.read(which_, {.after = one.position - 1, .until = until}, [&](const event_type& event) {
      if (stop_.stop_requested() || !claim_.make_sure(stop_)) return false;
      if (partition_key(event) != one.key) return true;
      try {
        return replay_event(event, one);
      } catch (const thrown_by_handler& why) {
        failed = message_of(why.what);
      } catch (...) {
        failed = message_of(std::current_exception());
      }
      return false;
    });
    if (!failed && !read.complete) return;
    if (failed) {
      one.reason = *failed;
      ++one.attempts;
    }
    const auto left = failed ? std::vector{one} : std::vector<parked_event>{};
    handling_.surely([&] { return parked().replace(one.position, left); });
  }
  static std::string message_of(const std::exception_ptr& thrown) {
    try {
      std::rethrow_exception(thrown);
    } catch (...) {
      return current_error("handler").message;
    }
  }
  // `one` moves on to the event that is next; false at a stop.
  bool replay_event(const event_type& event, parked_event& one) {
    auto next = one;
    next.position = event.position + 1;
    next.attempts = 0;
    if constexpr (!is_transactional) call_handler(event);
    const bool done = handling_.surely([&] {
      if constexpr (is_transactional)
        return parked().replace_with(one.position, {next}, [&](typename S::transaction& in) { call_in(in, event); });
      else
        return parked().replace(one.position, {next});
    });
    if (!done) return false;
    one = next;
    counters_.handled.fetch_add(1, std::memory_order_relaxed);
    return true;
  }

  S& storage_;
  const query& which_;
  Handler& handler_;
  const subscription_options& options_;
  progress& counters_;
  claim<S>& claim_;
  std::stop_source& ended_;
  std::stop_token stop_;
  handling<S> handling_;
  position read_to_, until_ = 0;
  std::size_t unsaved_ = 0;
  std::uint64_t handled_ = 0;
  duration longest_idle_{longest_span};
  std::deque<fenced_cell<S>> lane_cells_{};
  std::vector<position> lanes_at_{}, skipped_to_{};
  std::optional<lane_pool<event_type>> pool_{};
};

}  // namespace must::detail

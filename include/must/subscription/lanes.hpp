// SPDX-License-Identifier: MIT
// The lanes of one run: how far each has come, and how it handles its events.
#pragma once

#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/storage.hpp"
#include "must/storage/kit/validate.hpp"
#include "must/stored_names.hpp"
#include "must/subscription/anchor.hpp"
#include "must/subscription/claim.hpp"
#include "must/subscription/fenced_cell.hpp"
#include "must/subscription/handler_call.hpp"
#include "must/subscription/handling.hpp"
#include "must/subscription/lane_pool.hpp"
#include "must/subscription/options.hpp"
#include "must/subscription/partition.hpp"
#include "must/subscription/progress.hpp"
#include "must/text/quoted.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <deque>
#include <exception>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace must::detail::following {

// The lanes. A handler in transactions has a checkpoint for each lane, which is written in them.
template <CellStorage S, typename Handler>
class lanes {
 public:
  using event_type = recorded<typename S::data_type>;
  using call_type = handler_call<S, Handler>;

  lanes(S& storage, const call_type& call, handling<S>& handling, claim<S>& claim, const subscription_options& options,
        progress& counters, std::stop_source& ended)
      : storage_(storage),
        call_(call),
        handling_(handling),
        claim_(claim),
        options_(options),
        counters_(counters),
        ended_(ended) {}
  lanes(const lanes&) = delete;
  lanes& operator=(const lanes&) = delete;

  // Opens lanes in the place of those that were open. Everything at or below a position is handled.
  void open(unsigned count, const anchor& handled) {
    pool_.reset();
    cells_.clear();
    at_.assign(count, handled.at);
    if constexpr (call_type::is_transactional) {
      for (unsigned i = 0; i < count; ++i) {
        const auto name = stored_names::beside(claim_.who().cell(), "lane/" + std::to_string(i));
        auto& cell = cells_.emplace_back(storage_, name.now);
        cell.take(claim_.by());
        const anchor own{read_count(cell.fields(), 0), {read_field(cell.fields(), 1), read_field(cell.fields(), 2)}};
        if (own.at > handled.at && !own.mark.id.empty()) claim_.prove(own);
        if (own.at > handled.at && cell.fields().size() > 3) check_key(own, cell.fields()[3]);
        at_[i] = std::max(own.at, handled.at);
      }
    }
    skipped_to_ = at_;
    const auto most = call_type::is_transactional ? options_.save_every : call_.batch();
    pool_.emplace(count, most, handled, counters_, [this](std::size_t lane, std::span<const event_type* const> events) {
      try {
        return handle(lane, events);
      } catch (...) {
        ended_.request_stop();
        throw;
      }
    });
  }
  void close() { pool_.reset(); }
  [[nodiscard]] bool are_open() const { return pool_.has_value(); }
  // Returns how far the lane is that is ahead of all others.
  [[nodiscard]] position farthest() const { return *std::max_element(at_.begin(), at_.end()); }
  // Returns the number of lanes that are open.
  [[nodiscard]] lane_pool<event_type>& pool() { return *pool_; }
  [[nodiscard]] const lane_pool<event_type>& pool() const { return *pool_; }

  // Gives an event to its lane, unless that has handled it.
  void push(const event_type& event) {
    const auto lane = lane_of(handling_.key_of(event), event.position, skipped_to_.size());
    if (event.position > skipped_to_[lane]) pool_->push(event, lane);
  }

 private:
  using batch = std::vector<const event_type*>;

  bool handle(std::size_t lane, std::span<const event_type* const> events) {
    if constexpr (call_type::is_transactional) {
      return handle_together(lane, events);
    } else if constexpr (call_type::is_batched) {
      return handle_batch(events);
    } else {
      static_cast<void>(lane);
      return std::all_of(events.begin(), events.end(),
                         [&](const auto* event) { return handle_alone(*event, nullptr); });
    }
  }
  // Waits until it is known that the lease is held. Returns false at a stop.
  bool make_sure() { return claim_.is_sure() || claim_.make_sure(handling_.stop()); }
  // Handles one event. When there is a failure, the first attempt is one that has failed already.
  bool handle_alone(const event_type& event, std::exception_ptr failed) {
    return make_sure() && handling_.run(event, [&] {
      if (failed) std::rethrow_exception(std::exchange(failed, nullptr));
      call_(event);
      counters_.handled.fetch_add(1, std::memory_order_relaxed);
      return true;
    });
  }
  // Returns the events from `at` on that can be handled together, at most `most`, up to one whose attempts have to be
  // counted. `at` moves behind them. Those that are parked are left out, and those that wait behind one are counted and
  // left out: they are null afterwards, and are done with.
  batch next_batch(batch& events, std::size_t& at, std::size_t most) {
    batch together;
    for (; at < events.size() && together.size() < most; ++at) {
      auto& one = events[at];
      if (one == nullptr) continue;
      if (handling_.is_suspicious(*one)) break;
      if (handling_.is_set_aside(*one))
        static_cast<void>(handling_.run(*std::exchange(one, nullptr), [] { return true; }));
      else
        together.push_back(one);
    }
    return together;
  }
  // Hands over as many events as can be, and the first that fails alone. What follows a failure is handed over again,
  // no more at once than went well before it, so that a run of failures costs each event about as much as one alone.
  bool handle_batch(std::span<const event_type* const> events) {
    batch left(events.begin(), events.end());
    auto most = left.size();
    for (std::size_t at = 0; at < left.size();) {
      const auto first = at;
      const auto together = next_batch(left, at, most);
      if (together.empty()) {
        if (at == left.size()) break;
        if (!handle_alone(*left[at], nullptr)) return false;
        ++at;
        continue;
      }
      if (!make_sure()) return false;
      std::exception_ptr failed;
      const auto done = call_.try_all(together, failed);
      counters_.handled.fetch_add(done, std::memory_order_relaxed);
      if (done == together.size()) {
        most = std::min(left.size(), 2 * most);
        continue;
      }
      if (!handle_alone(*together[done], std::move(failed))) return false;
      const auto from = left.begin() + static_cast<std::ptrdiff_t>(first);
      at = static_cast<std::size_t>(std::find(from, left.end(), together[done]) - left.begin()) + 1;
      most = std::max<std::size_t>(done, 1);
    }
    return true;
  }

  // --- the handler in the transaction of the lane's checkpoint ---
  bool handle_together(std::size_t lane, std::span<const event_type* const> events) {
    batch left(events.begin(), events.end());
    for (std::size_t at = 0; at < events.size();) {
      const auto first = at;
      const auto together = next_batch(left, at, left.size());
      const auto done = try_together(lane, together);
      if (!done) return false;
      for (const auto* event : std::span(together).subspan(*done))
        if (!handle_in_transaction(lane, *event)) return false;
      if (at > first && !move_on(lane, *events[at - 1])) return false;
      if (at == events.size()) break;
      if (!handle_in_transaction(lane, *events[at])) return false;
      ++at;
    }
    return true;
  }
  // Returns how many were handled: all, or none when each has to be handled alone, to find the one that fails. Returns
  // nothing at a stop. The commit may be stored then, though it got no answer, and nothing else is.
  std::optional<std::size_t> try_together(std::size_t lane, const batch& events) {
    if (events.size() < 2) return 0;
    if (!make_sure()) return std::nullopt;
    try {
      return commit(lane, events) ? std::optional(events.size()) : std::nullopt;
    } catch (const thrown_by_handler&) {
      return 0;
    } catch (const thrown_by_store& failure) {
      std::rethrow_exception(failure.what);
    }
  }
  bool handle_in_transaction(std::size_t lane, const event_type& event) {
    const bool done = make_sure() && handling_.run(event, [&] {
      try {
        return commit(lane, {&event});
      } catch (const thrown_by_handler& failure) {
        std::rethrow_exception(failure.what);
      }
    });
    return done && move_on(lane, event);
  }
  bool commit(std::size_t lane, const batch& events) {
    const auto& last = *events.back();
    const auto flush = [&] { return handling_.parked().flush(); };
    const auto write = [&] {
      return cells_[lane].write_with(fields_of(last), [&](typename S::transaction& in) {
        for (const auto* event : events) call_(in, *event);
      });
    };
    if (!handling_.commit(flush) || !handling_.commit(write)) return false;
    at_[lane] = last.position;
    counters_.handled.fetch_add(events.size(), std::memory_order_relaxed);
    return true;
  }
  // Throws when key_of gives another key than when the lane handled its last event. The events of a key would be in
  // other lanes now, and one that is ahead would leave out what it has not handled.
  void check_key(const anchor& last, const std::string& key) {
    std::optional<std::string> now;
    static_cast<void>(storage_.read(query::all(), {.after = last.at - 1, .until = last.at},
                                    [&](const event_type& event) { now = handling_.key_of(event); }));
    if (now && *now != key)
      kit::refuse_input("key_of", "gives the event at position " + std::to_string(last.at) + " the key " +
                                      text::in_quotes(*now) + ", which was " + text::in_quotes(key) +
                                      ", while lanes are ahead of the checkpoint: let run_once end with the former "
                                      "key_of first");
  }
  // Moves the lane past an event that is done with in another way.
  bool move_on(std::size_t lane, const event_type& event) {
    if (at_[lane] >= event.position) return true;
    if (!handling_.flush_waiting() || !handling_.surely([&] { return cells_[lane].write(fields_of(event)); }))
      return false;
    at_[lane] = event.position;
    return true;
  }
  [[nodiscard]] std::vector<std::string> fields_of(const event_type& last) const {
    return {std::to_string(last.position), last.source, last.id, handling_.key_of(last)};
  }

  S& storage_;
  const call_type& call_;
  handling<S>& handling_;
  claim<S>& claim_;
  const subscription_options& options_;
  progress& counters_;
  std::stop_source& ended_;
  std::deque<fenced_cell<S>> cells_{};
  std::vector<position> at_{}, skipped_to_{};
  std::optional<lane_pool<event_type>> pool_{};
};

}  // namespace must::detail::following

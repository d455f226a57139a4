// SPDX-License-Identifier: MIT
// The lanes of one run: where each stands, and how it handles what it is given.
#pragma once

#include "must/fwd.hpp"
#include "must/record.hpp"
#include "must/storage.hpp"
#include "must/subscription/claim.hpp"
#include "must/subscription/fenced_cell.hpp"
#include "must/subscription/handler_call.hpp"
#include "must/subscription/handling.hpp"
#include "must/subscription/lane_pool.hpp"
#include "must/subscription/options.hpp"
#include "must/subscription/progress.hpp"

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

// A handler in transactions has a checkpoint for each lane, which is written in them.
template <CellStorage S, typename Handler>
class lanes {
 public:
  using event_type = recorded<typename S::data_type>;
  using call_type = handler_call<S, Handler>;

  lanes(S& storage, const call_type& call, handling<S>& handling, const claim<S>& claim,
        const subscription_options& options, progress& counters, std::stop_source& ended)
      : storage_(storage),
        call_(call),
        handling_(handling),
        claim_(claim),
        options_(options),
        counters_(counters),
        ended_(ended) {}
  lanes(const lanes&) = delete;
  lanes& operator=(const lanes&) = delete;

  // In the place of those that were open. Everything at or below a position is handled.
  void open(unsigned count, position handled) {
    pool_.reset();
    cells_.clear();
    at_.assign(count, handled);
    if constexpr (call_type::is_transactional) {
      for (unsigned i = 0; i < count; ++i) {
        auto& cell = cells_.emplace_back(storage_, claim<S>::key_of(claim_.name()) + "/lane/" + std::to_string(i));
        cell.take(claim_.by());
        at_[i] = std::max(read_count(cell.fields(), 0), handled);
      }
    }
    skipped_to_ = at_;
    const auto most = call_type::is_transactional ? options_.save_every : call_.batch();
    pool_.emplace(count, most, counters_, [this](std::size_t lane, std::span<const event_type* const> events) {
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
  // How far the lane is that is ahead of all others.
  [[nodiscard]] position farthest() const { return *std::max_element(at_.begin(), at_.end()); }
  // Those that are open.
  [[nodiscard]] lane_pool<event_type>& pool() { return *pool_; }

  // Gives an event to its lane, unless that has handled it.
  void push(const event_type& event) {
    const auto lane = lane_of(partition_key(event), skipped_to_.size());
    if (event.position > skipped_to_[lane]) pool_->push(event, lane);
  }

 private:
  bool handle(std::size_t lane, std::span<const event_type* const> events) {
    if constexpr (call_type::is_transactional) {
      return handle_together(lane, events);
    } else if constexpr (call_type::is_batched) {
      return handle_batch(lane, events);
    } else {
      return std::all_of(events.begin(), events.end(),
                         [&](const auto* event) { return handle_alone(lane, *event, nullptr); });
    }
  }
  // The first attempt is one that failed already, where there is a failure.
  bool handle_alone(std::size_t lane, const event_type& event, std::exception_ptr failed) {
    return handling_.run(event, lane, [&] {
      if (failed) std::rethrow_exception(std::exchange(failed, nullptr));
      call_(event);
      counters_.handled.fetch_add(1, std::memory_order_relaxed);
      return true;
    });
  }
  // Hands over as many as can be, and the first that fails alone.
  bool handle_batch(std::size_t lane, std::span<const event_type* const> events) {
    for (std::size_t at = 0; at < events.size(); ++at) {
      std::exception_ptr failed;
      if (!handling_.needs_care(lane, *events[at])) {
        const auto done = call_.try_all(events.subspan(at), failed);
        counters_.handled.fetch_add(done, std::memory_order_relaxed);
        at += done;
        if (at == events.size()) return true;
      }
      if (!handle_alone(lane, *events[at], std::move(failed))) return false;
    }
    return true;
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
      if (at_[lane] < event->position && !move_on(lane, event->position)) return false;
    }
    return true;
  }
  bool commit(std::size_t lane, std::span<const event_type* const> events) {
    const auto last = events.back()->position;
    const bool done = handling_.surely([&] {
      return cells_[lane].write_with({std::to_string(last)}, [&](typename S::transaction& in) {
        for (const auto* event : events) call_(in, *event);
      });
    });
    if (!done) return false;
    at_[lane] = last;
    counters_.handled.fetch_add(events.size(), std::memory_order_relaxed);
    return true;
  }
  bool move_on(std::size_t lane, position to) {
    at_[lane] = to;
    return handling_.surely([&] { return cells_[lane].write({std::to_string(to)}); });
  }

  S& storage_;
  const call_type& call_;
  handling<S>& handling_;
  const claim<S>& claim_;
  const subscription_options& options_;
  progress& counters_;
  std::stop_source& ended_;
  std::deque<fenced_cell<S>> cells_{};
  std::vector<position> at_{}, skipped_to_{};
  std::optional<lane_pool<event_type>> pool_{};
};

}  // namespace must::detail::following

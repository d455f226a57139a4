// SPDX-License-Identifier: MIT
// The parked events of a subscription, for the process that follows.
#pragma once

#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/storage.hpp"
#include "must/stored_names.hpp"
#include "must/subscription/fenced_cell.hpp"
#include "must/subscription/follower.hpp"
#include "must/subscription/hooks.hpp"
#include "must/subscription/parked_event.hpp"  // IWYU pragma: export
#include "must/subscription/progress.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace must::detail::following {

// The parked events of one owner. Any number of threads may use it.
template <CellStorage S>
class parked_list {
 public:
  parked_list(S& storage, const follower& who, const ownership& by, progress& counters)
      : cell_(storage, stored_names::beside(who.cell(), "parked").now), counters_(counters) {
    cell_.take(by);
    now_ = parked_content::of(cell_.fields());
    note();
  }

  [[nodiscard]] std::size_t size() const { return size_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::vector<parked_event> all() const {
    const std::lock_guard lock(mutex_);
    return now_.all;
  }
  // Returns whether an event of this key has to wait. It costs a load while nothing is parked.
  [[nodiscard]] bool blocks(std::string_view key) const {
    if (size() == 0) return false;
    const std::lock_guard lock(mutex_);
    return blocked_.contains(std::string(key));
  }
  // Returns whether the event is parked itself. It costs a load while nothing is parked.
  [[nodiscard]] bool holds(position event, std::string_view id) const {
    if (size() == 0) return false;
    const std::lock_guard lock(mutex_);
    const auto [first, end] = parked_.equal_range(event);
    return std::any_of(first, end, [&](const auto& found) {
      const auto& one = now_.all[found.second];
      return one.id.empty() || one.id == id;
    });
  }
  // Returns whether a piece of timed work is parked itself.
  [[nodiscard]] bool holds(const timed_work& what) const {
    if (size() == 0) return false;
    const std::lock_guard lock(mutex_);
    return std::any_of(now_.all.begin(), now_.all.end(), [&](const auto& one) {
      return one.deadline == what.name && one.id == what.decision && one.key == what.key;
    });
  }
  // Counts an event that has to wait, once.
  void count_waiting(std::string_view key, position event) {
    const std::lock_guard lock(mutex_);
    const auto found = blocked_.find(std::string(key));
    if (found == blocked_.end()) return;
    auto& one = now_.all[found->second];
    if (event <= std::max(one.counted_to, passed_by(one))) return;
    ++one.waiting;
    one.counted_to = event;
    has_new_counts_ = true;
    counters_.add_waiting();
  }
  // Returns whether what is stored is known. It is not while a transaction got no answer.
  [[nodiscard]] bool is_sure() const {
    const std::lock_guard lock(mutex_);
    return is_sure_;
  }
  // Stores the counts where they are new. Returns false when the lease is lost.
  bool flush() {
    const std::lock_guard lock(mutex_);
    if (!has_new_counts_) return true;
    if (!cell_.write(now_.fields())) return false;
    has_new_counts_ = false;
    return true;
  }
  // Puts events in the place of one, if it is there. Returns false when the lease is lost.
  bool replace(const parked_event& one, const std::vector<parked_event>& by) {
    return change(one, by, [this](std::vector<std::string> fields) { return cell_.write(std::move(fields)); });
  }
  // Does the same with work in the transaction.
  template <typename Work>
  bool replace_with(const parked_event& one, const std::vector<parked_event>& by, Work&& work) {
    return change(one, by, [&](std::vector<std::string> fields) {
      try {
        const bool done = cell_.write_with(std::move(fields), work);
        is_sure_ = true;
        return done;
      } catch (const outcome_unknown&) {
        is_sure_ = false;
        throw;
      }
    });
  }
  // Returns the last request that was done.
  [[nodiscard]] std::uint64_t done() const {
    const std::lock_guard lock(mutex_);
    return now_.done;
  }
  bool set_done(std::uint64_t request) {
    const std::lock_guard lock(mutex_);
    now_.done = request;
    return cell_.write(now_.fields());
  }

 private:
  template <typename Write>
  bool change(const parked_event& one, const std::vector<parked_event>& by, Write&& write) {
    const std::lock_guard lock(mutex_);
    auto next = now_;
    const auto same = [&](const parked_event& other) { return is_same(one, other); };
    const auto at = next.all.erase(std::remove_if(next.all.begin(), next.all.end(), same), next.all.end());
    next.all.insert(at, by.begin(), by.end());
    if (!write(next.fields())) return false;
    now_ = std::move(next);
    has_new_counts_ = false;
    note();
    return true;
  }
  void note() {
    blocked_.clear();
    parked_.clear();
    for (std::size_t i = 0; i < now_.all.size(); ++i) {
      const auto& one = now_.all[i];
      if (one.strict) blocked_.emplace(one.key, i);
      if (is_event(one)) parked_.emplace(one.position, i);
    }
    size_.store(now_.all.size(), std::memory_order_relaxed);
    tell();
  }
  void tell() {
    std::uint64_t waiting = 0;
    position first = 0;
    for (const auto& one : now_.all) {
      waiting += one.waiting;
      first = first == 0 ? one.position : std::min(first, one.position);
    }
    counters_.set_parked(now_.all.size(), waiting, first);
  }

  mutable std::mutex mutex_{};
  fenced_cell<S> cell_;
  progress& counters_;
  parked_content now_{};
  std::unordered_map<std::string, std::size_t> blocked_{};   // The first strict one of each key.
  std::unordered_multimap<position, std::size_t> parked_{};  // Those that are events, by their positions.
  bool has_new_counts_ = false, is_sure_ = true;
  std::atomic<std::size_t> size_{0};
};

}  // namespace must::detail::following

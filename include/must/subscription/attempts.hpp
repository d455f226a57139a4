// SPDX-License-Identifier: MIT
// The numbers of attempts of events, which are kept in the store so that a crash does not forget them.
#pragma once

#include "must/fwd.hpp"
#include "must/storage.hpp"
#include "must/stored_names.hpp"
#include "must/subscription/fenced_cell.hpp"
#include "must/subscription/follower.hpp"

#include <atomic>
#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace must::detail::following {

// The attempts of each event that needed more than one, whichever lane it is in. Any number of threads may use it.
template <CellStorage S>
class attempt_counts {
 public:
  // `former_lanes` is the number of cells that an earlier release may have written.
  attempt_counts(S& storage, const follower& who, const ownership& by, unsigned former_lanes)
      : cell_(storage, stored_names::beside(who.cell(), "attempts").now), by_(by) {
    if (cell_.get()) {
      take();
      return;
    }
    for (unsigned lane = 0; lane < former_lanes; ++lane) {
      const auto found = storage.get(stored_names::beside(who.cell(), "attempts/" + std::to_string(lane)).now);
      if (!found) continue;
      const auto former = owned_fields::of(found->bytes);
      if (former.by.epoch >= by.since && read_count<unsigned>(former.fields, 1) > 0)
        counts_[{read_count(former.fields, 0), {}}] = read_count<unsigned>(former.fields, 1);
    }
    size_ = counts_.size();
  }

  // Returns the number of attempts of an event that were begun. It costs a load where no event has any. What is no
  // event has position 0 and an id of its own.
  [[nodiscard]] unsigned of(position event, const std::string& id) const {
    if (size_.load(std::memory_order_relaxed) == 0) return 0;
    const std::lock_guard lock(mutex_);
    auto found = counts_.find({event, id});
    if (found == counts_.end()) found = counts_.find({event, {}});
    return found == counts_.end() ? 0 : found->second;
  }
  // Stores the number. Returns false when the lease is lost.
  bool note(position event, const std::string& id, unsigned count) {
    const std::lock_guard lock(mutex_);
    if (by_.epoch != 0) take();
    auto next = counts_;
    next.erase({event, {}});
    count == 0 ? static_cast<void>(next.erase({event, id})) : static_cast<void>(next[{event, id}] = count);
    if (!cell_.write(fields_of(next))) return false;
    counts_ = std::move(next);
    size_ = counts_.size();
    return true;
  }
  // Forgets an event that is done with. That is stored with whatever is stored next.
  void forget(position event, const std::string& id) {
    if (size_.load(std::memory_order_relaxed) == 0) return;
    const std::lock_guard lock(mutex_);
    counts_.erase({event, id});
    counts_.erase({event, {}});
    size_ = counts_.size();
  }
  // Stores what was forgotten. Returns false when the lease is lost.
  bool flush() {
    const std::lock_guard lock(mutex_);
    if (by_.epoch != 0) return true;  // Nothing was ever written.
    auto fields = fields_of(counts_);
    return fields == cell_.fields() || cell_.write(std::move(fields));
  }

 private:
  // The attempts by position and id. Earlier releases did not write the id.
  using counts = std::map<std::pair<position, std::string>, unsigned>;

  void take() {
    cell_.take(by_);
    by_ = {};
    const auto& fields = cell_.fields();
    for (std::size_t at = 0; at + 3 <= fields.size(); at += 3)
      counts_[{read_count(fields, at), fields[at + 1]}] = read_count<unsigned>(fields, at + 2);
    size_ = counts_.size();
  }
  static std::vector<std::string> fields_of(const counts& counts_of) {
    std::vector<std::string> fields;
    for (const auto& [event, count] : counts_of)
      fields.insert(fields.end(), {std::to_string(event.first), event.second, std::to_string(count)});
    return fields;
  }

  mutable std::mutex mutex_{};
  fenced_cell<S> cell_;
  ownership by_;  // This is kept until the cell is taken.
  counts counts_{};
  std::atomic<std::size_t> size_{0};
};

}  // namespace must::detail::following

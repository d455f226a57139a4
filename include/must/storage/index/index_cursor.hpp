// SPDX-License-Identifier: MIT
// Reads the positions that a query matches, in order and each once, from the lists of an index.
#pragma once

#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/storage/index/event_index.hpp"
#include "must/storage/index/index_row.hpp"
#include "must/storage/index/name_table.hpp"
#include "must/storage/index/postings.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace must::detail::index {

// The matches of one item among the events of one name, up to `end`.
class index_lane {
 public:
  index_lane(const event_index& index, const index_filter& filter, const name_entry& driver,
             const read_options& options, position end)
      : index_(&index), filter_(&filter), forwards_(options.order == direction::forwards) {
    const auto& list = driver.list;
    const auto count = list.size();
    auto last = list.count_until(end, count);
    auto first = list.count_until(options.after, last);
    if (options.after_version.value > first) first = static_cast<std::size_t>(options.after_version.value);
    if (options.until_version.value < last) last = static_cast<std::size_t>(options.until_version.value);
    if (first >= last) return;
    left_ = last - first;
    const bool any_type = filter.types.empty() || driver.by_type.seen.is_within(filter.types);
    filters_ = (filter.stream != 0 ? 1U : 0U) + (any_type ? 0U : 1U) + filter.tags.size() > 1;
    cursor_ = postings::cursor(list, forwards_ ? first : last - 1);
    settle();
  }
  [[nodiscard]] bool at_end() const noexcept { return left_ == 0; }
  [[nodiscard]] position at() const noexcept { return *cursor_; }
  void next() noexcept {
    step();
    settle();
  }

 private:
  void step() noexcept {
    if (--left_ == 0) return;
    if (forwards_)
      cursor_.forward();
    else
      cursor_.backward();
  }
  void settle() noexcept {
    if (!filters_) return;
    while (left_ > 0 && !filter_->matches(index_->row(*cursor_))) step();
  }

  const event_index* index_;
  const index_filter* filter_;
  bool forwards_;
  bool filters_ = false;  // Whether the list also has events that do not match.
  std::size_t left_ = 0;
  postings::cursor cursor_{};
};

// The matches of a query in (after, end], each once, forwards or backwards.
class index_cursor {
 public:
  index_cursor(const event_index& index, const query& which, const read_options& options, position end)
      : forwards_(options.order == direction::forwards) {
    const read_options unlimited;
    const bool by_version = options.after_version != 0 || options.until_version != unlimited.until_version;
    filters_.reserve(which.items().size());
    for (const auto& item : which.items()) {
      index_filter filter;
      if (!index.compile(item, filter)) continue;
      filters_.push_back(std::move(filter));
      index.for_drivers(filters_.back(), options.after, end, by_version, [&](const name_entry& driver) {
        if (index_lane lane(index, filters_.back(), driver, options, end); !lane.at_end()) lanes_.push_back(lane);
      });
    }
    if (lanes_.size() > 1) std::make_heap(lanes_.begin(), lanes_.end(), later{forwards_});
  }
  // Returns the next position, and 0 when there is none.
  [[nodiscard]] position next() {
    while (!lanes_.empty()) {
      if (lanes_.size() > 1) std::pop_heap(lanes_.begin(), lanes_.end(), later{forwards_});
      auto& lane = lanes_.back();
      const auto at = lane.at();
      lane.next();
      if (lane.at_end())
        lanes_.pop_back();
      else if (lanes_.size() > 1)
        std::push_heap(lanes_.begin(), lanes_.end(), later{forwards_});
      if (at == previous_) continue;
      return previous_ = at;
    }
    return 0;
  }

 private:
  // Returns whether the turn of the first lane comes after that of the second.
  struct later {
    bool forwards;
    bool operator()(const index_lane& left, const index_lane& right) const noexcept {
      return forwards ? left.at() > right.at() : left.at() < right.at();
    }
  };

  bool forwards_;
  position previous_ = 0;
  std::vector<index_filter> filters_{};
  std::vector<index_lane> lanes_{};
};

}  // namespace must::detail::index

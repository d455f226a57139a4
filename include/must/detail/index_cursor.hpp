// SPDX-License-Identifier: MIT
// Reads the positions that a query matches, in order and each once, from the lists of an index.
#pragma once

#include "must/storage/event_index.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace must::detail {

// The matches of one item in one list of the index.
class index_lane {
 public:
  index_lane(const event_index& index, const compiled_item& item, const postings& list, const read_options& options, position end)
      : index_(&index), item_(&item), forwards_(options.order == direction::forwards) {
    const auto count = list.size();
    auto first = list.count_until(options.after, count);
    auto last = list.count_until(end, count);
    if (item.stream != 0) {
      first = std::max<std::size_t>(first, options.after_version);
      last = std::min<std::size_t>(last, options.until_version);
    }
    if (first >= last) return;
    left_ = last - first;
    cursor_ = postings::cursor(list, forwards_ ? first : last - 1);
    settle();
  }
  [[nodiscard]] bool at_end() const noexcept { return left_ == 0; }
  [[nodiscard]] position at() const noexcept { return *cursor_; }
  void next() {
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
  void settle() {
    while (left_ > 0 && !item_->matches(index_->row(*cursor_))) step();
  }

  const event_index* index_;
  const compiled_item* item_;
  bool forwards_;
  std::size_t left_ = 0;
  postings::cursor cursor_{};
};

// Calls `visit(position)` for each match in order until it returns false; says whether it came to the end.
template <typename Visit>
bool for_matches(const event_index& index, const query& which, const read_options& options, position end, Visit&& visit) {
  const auto items = index.compile(which);
  std::vector<index_lane> lanes;
  for (const auto& item : items)
    for (const auto* list : index.drivers(item))
      if (index_lane lane(index, item, *list, options, end); !lane.at_end()) lanes.push_back(std::move(lane));
  const bool forwards = options.order == direction::forwards;
  const auto later = [forwards](const index_lane& left, const index_lane& right) {
    return forwards ? left.at() > right.at() : left.at() < right.at();
  };
  if (lanes.size() > 1) std::make_heap(lanes.begin(), lanes.end(), later);
  position previous = 0;
  while (!lanes.empty()) {
    if (lanes.size() > 1) std::pop_heap(lanes.begin(), lanes.end(), later);
    auto& lane = lanes.back();
    const auto at = lane.at();
    if (at != previous && !visit(at)) return false;
    previous = at;
    lane.next();
    if (lane.at_end())
      lanes.pop_back();
    else if (lanes.size() > 1)
      std::push_heap(lanes.begin(), lanes.end(), later);
  }
  return true;
}

}  // namespace must::detail

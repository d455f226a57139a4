// SPDX-License-Identifier: MIT
// Reads the events of a log that a query matches, in pages of commits that are read back at once.
#pragma once

#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/storage/index/event_index.hpp"
#include "must/storage/index/index_cursor.hpp"
#include "must/storage/kit/read_window.hpp"
#include "must/storage/log/followed_log.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace must::detail::log {

// The positions that a query matches within the bounds of a read, in its order.
class matching_positions {
 public:
  matching_positions(const index::event_index& in, const query& which, const read_options& options,
                     const kit::read_bounds& bounds)
      : forwards_(options.order == direction::forwards), low_(bounds.low), high_(bounds.high) {
    if (!which.is_all()) cursor_.emplace(in, which, options, bounds.high);
  }
  // Returns the next position, and 0 when there is none.
  [[nodiscard]] position next() {
    if (cursor_) return cursor_->next();
    if (low_ > high_) return 0;
    return forwards_ ? low_++ : high_--;
  }

 private:
  bool forwards_;
  position low_, high_;
  std::optional<index::index_cursor> cursor_{};
};

// Hands the events at positions to the visitor of a read, which is called under no lock, and while the log is not read.
template <typename L>
class page_reader {
 public:
  page_reader(followed_log<L>& from, std::size_t page_bytes) : from_(from), page_bytes_(page_bytes) {}

  template <typename Visitor>
  void read(matching_positions& positions, kit::read_window& window, Visitor& visitor) {
    constexpr std::size_t few = 16, many = 1'024;
    for (auto most = few; fill(positions, std::min<std::uint64_t>(most, window.left()));
         most = std::min(4 * most, many))
      for (const auto at : positions_)
        if (!window.visit(visitor, event_at(at))) return;
  }

 private:
  // Reads the commits of the next positions, at most `most`. Returns false when there are no more.
  bool fill(matching_positions& positions, std::uint64_t most) {
    positions_.clear();
    numbers_.clear();
    current_ = 0;
    for (std::uint64_t bytes = 0; positions_.size() < most && bytes < page_bytes_;) {
      const auto at = positions.next();
      if (at == 0) break;
      positions_.push_back(at);
      const auto number = from_.known().commit_of(at);
      if (!numbers_.empty() && numbers_.back() == number) continue;
      numbers_.push_back(number);
      bytes += from_.known()[number].bytes;
    }
    bodies_.assign(numbers_.size(), nullptr);
    const bool rises = numbers_.empty() || numbers_.front() <= numbers_.back();
    if (!rises) std::reverse(numbers_.begin(), numbers_.end());
    from_.load(numbers_, bodies_);
    if (!rises) std::reverse(bodies_.begin(), bodies_.end());
    return !positions_.empty();
  }
  [[nodiscard]] const recorded<payload>& event_at(position at) noexcept {
    while (at < bodies_[current_]->first || at > bodies_[current_]->last()) ++current_;
    return bodies_[current_]->events[at - bodies_[current_]->first];
  }

  followed_log<L>& from_;
  std::size_t page_bytes_;
  std::vector<position> positions_{};
  std::vector<std::size_t> numbers_{};  // The commits of the positions, each once.
  std::vector<shared_body> bodies_{};   // The commits in the order of the read.
  std::size_t current_ = 0;             // The body of the event that was visited last.
};

}  // namespace must::detail::log

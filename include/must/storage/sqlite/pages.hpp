// SPDX-License-Identifier: MIT
// Pages of a read: some events at a time, so that nothing is held while a visitor runs.
#pragma once

#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/storage/kit/lease_pool.hpp"
#include "must/storage/kit/read_window.hpp"
#include "must/storage/kit/validate.hpp"
#include "must/storage/sqlite/connection.hpp"
#include "must/storage/sqlite/postings.hpp"
#include "must/storage/sqlite/recent.hpp"
#include "must/storage/sqlite/rows.hpp"
#include "must/storage/sqlite/snapshot.hpp"
#include "must/storage/sqlite/sql.hpp"
#include "must/storage/sqlite/statement.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace must::detail::sqlite {

// Some events, bounded by their number and by their bytes, and at least one. The next page uses their memory again.
class sqlite_page {
 public:
  void start(std::size_t most_rows, std::size_t most_bytes) {
    size_ = 0;
    bytes_ = 0;
    most_rows_ = most_rows;
    most_bytes_ = most_bytes;
  }
  [[nodiscard]] bool full() const noexcept { return size_ >= most_rows_ || (size_ > 0 && bytes_ >= most_bytes_); }
  [[nodiscard]] std::size_t most_rows() const noexcept { return most_rows_; }
  void add(sqlite_statement& from) {
    if (size_ == rows_.size()) rows_.emplace_back();
    auto& row = rows_[size_];
    read_row(from, row);
    ++size_;
    const auto size = kit::event_bytes(row);
    bytes_ += size;
    largest_ = std::max(largest_, size);
  }
  // Returns whether no row has ever been larger than 4 KiB, so that the memory of the page is bounded.
  [[nodiscard]] bool is_small() const noexcept { return largest_ <= 4'096; }
  [[nodiscard]] std::span<const recorded<payload>> rows() const noexcept { return {rows_.data(), size_}; }

 private:
  std::vector<recorded<payload>> rows_{};
  std::size_t size_ = 0, bytes_ = 0, most_rows_ = 0, most_bytes_ = 0, largest_ = 0;
};

// Decides which pages are kept for the next reads. To build the rows anew costs as much as to read them.
struct is_small_page {
  bool operator()(sqlite_page& page) const noexcept {
    page.start(0, 0);
    return page.is_small();
  }
};
using sqlite_page_pool = kit::lease_pool<sqlite_page, is_small_page>;

// Returns the list of an index that gives the rows of an item in order, if one list is enough.
struct sqlite_one_list {
  sql rows;
  std::string_view name;
  const std::string* stream;
  std::span<const std::string> types;
};
inline std::optional<sqlite_one_list> one_list(const query& which) {
  if (which.items().size() != 1) return std::nullopt;
  const auto& item = which.items().front();
  const auto tags = item.tags.size(), types = item.types.size();
  if (item.stream && tags == 0) return sqlite_one_list{sql::stream_rows, *item.stream, &*item.stream, item.types};
  if (item.stream) return std::nullopt;
  if (tags == 1 && types == 0) return sqlite_one_list{sql::tag_rows, item.tags.front(), nullptr, {}};
  if (tags == 0 && types == 1) return sqlite_one_list{sql::type_rows, item.types.front(), nullptr, {}};
  return std::nullopt;
}

// Checks that every position up to the head has its row.
inline void add_row_at(sqlite_statement& rows, position at, sqlite_page& page) {
  const bool is_there = rows.step();
  if (is_there) page.add(rows);
  if (!is_there || page.rows().back().position != at) raise_damaged(rows.context(), at, "its row is not there");
}

// Each of these fills `page` from the beginning of a window, and returns whether there may be more.
inline bool fill_from_all(sqlite_connection& on, const kit::read_bounds& window, sqlite_page& page) {
  sqlite_connection::lease rows(on, in(window.order, sql::all_rows));
  const bool forwards = window.order == direction::forwards;
  auto at = forwards ? window.low : window.high;
  rows->bind(1, at);
  for (auto left = window.high - window.low + 1; left > 0; --left, forwards ? ++at : --at) {
    if (page.full()) return true;
    add_row_at(*rows, at, page);
  }
  return false;
}
// Neighbours are fetched together, so that a frequent type is read as fast as everything.
inline bool fill_from_positions(sqlite_connection& on, std::span<const position> all, direction order,
                                sqlite_page& page) {
  sqlite_connection::lease rows(on, in(order, sql::all_rows));
  for (std::size_t begin = 0, end = 0; begin < all.size(); begin = end) {
    const auto gap = [&](std::size_t i) { return std::max(all[i], all[i - 1]) - std::min(all[i], all[i - 1]); };
    for (end = begin + 1; end < all.size() && gap(end) == 1;) ++end;
    rows->bind(1, all[begin]);
    for (auto i = begin; i < end; ++i) {
      if (page.full()) return true;
      add_row_at(*rows, all[i], page);
    }
    rows->reset();
  }
  return false;
}
inline bool fill_from_union(const sqlite_moment& as_of, const query& which, const kit::read_bounds& window,
                            sqlite_page& page) {
  const auto before = [&](position left, position right) {
    return window.order == direction::forwards ? left < right : left > right;
  };
  // The first positions of all lists so far, sorted. No list is walked beyond the last of them.
  std::vector<position> first, more, both;
  const auto gather = [&](auto& cursor) {
    more.clear();
    for (auto at = cursor.at(); at != 0 && more.size() < page.most_rows(); at = cursor.next()) {
      if (first.size() == page.most_rows() && !before(at, first.back())) break;
      more.push_back(at);
    }
    both.clear();
    std::set_union(first.begin(), first.end(), more.begin(), more.end(), std::back_inserter(both), before);
    if (both.size() > page.most_rows()) both.resize(page.most_rows());
    first.swap(both);
  };
  for (const auto& item : which.items()) for_lists(as_of, item, window, gather);
  return fill_from_positions(as_of.on, first, window.order, page) || page.full();
}
// Checks that the versions of a stream have no gap: each follows the one before.
inline void check_next_version(sqlite_connection& on, direction order, std::span<const recorded<payload>> rows) {
  if (rows.size() < 2) return;
  const auto& before = rows[rows.size() - 2];
  const auto& last = rows.back();
  if (last.version.value != (order == direction::forwards ? before.version.value + 1 : before.version.value - 1))
    raise_damaged(on.context(), before.position, "the next version of its stream is not there");
}
inline bool fill_from_list(const sqlite_moment& as_of, const query& which, const sqlite_one_list& list,
                           const kit::read_bounds& window, sqlite_page& page) {
  constexpr int far = 64;  // After this many events of other types in a row, the walk goes by the lists of the types.
  sqlite_connection::lease rows(as_of.on, in(window.order, list.rows));
  auto low = window.low, high = window.high;
  if (list.stream != nullptr) std::tie(low, high) = sqlite_versions(as_of.on, *list.stream, window);
  if (low > high) return false;
  rows->text(1, list.name).bind(2, low).bind(3, high);
  for (int skipped = 0; !page.full();) {
    if (!rows->step()) return false;
    // The versions of a stream are bounded already, so its positions end the walk.
    if (list.stream != nullptr && (rows->count(0) < window.low || rows->count(0) > window.high)) return false;
    if (list.types.empty() || is_one_of(list.types, rows->bytes(3))) {
      page.add(*rows);
      if (list.stream != nullptr && skipped == 0) check_next_version(as_of.on, window.order, page.rows());
      skipped = 0;
    } else if (++skipped == far) {
      return !page.rows().empty() || fill_from_union(as_of, which, window, page);
    }
  }
  return true;
}
// Reads the events of a tag, first from the index, and then from memory what the index does not have yet.
inline bool fill_from_tag(const sqlite_moment& as_of, const query& which, const sqlite_one_list& list,
                          const kit::read_bounds& window, sqlite_page& page) {
  auto recent = as_of.unindexed({list.name, {}, window.low, window.high});
  const auto from_memory = [&] { return !recent.empty() && fill_from_positions(as_of.on, recent, window.order, page); };
  const auto from_index = [&] {
    auto indexed = window;  // What the index has beyond it is found in memory.
    indexed.high = std::min(indexed.high, as_of.seen.indexed);
    return !indexed.empty() && fill_from_list(as_of, which, list, indexed, page);
  };
  if (window.order == direction::forwards) return from_index() || from_memory();
  std::reverse(recent.begin(), recent.end());
  return from_memory() || from_index();
}
inline bool fill(const sqlite_moment& as_of, const query& which, const kit::read_bounds& window, sqlite_page& page) {
  if (window.empty()) return false;
  if (which.is_all()) return fill_from_all(as_of.on, window, page);
  const auto list = one_list(which);
  if (!list) return fill_from_union(as_of, which, window, page);
  const auto& one = *list;
  return one.rows == sql::tag_rows ? fill_from_tag(as_of, which, one, window, page)
                                   : fill_from_list(as_of, which, one, window, page);
}

// Bounds a window to what is left after an event.
inline void move_beyond(kit::read_bounds& window, const query& which, const recorded<payload>& last) {
  if (const auto list = one_list(which); list && list->stream != nullptr)
    window.move_beyond_version(last);  // The next rows are found without a look-up.
  else
    window.move_beyond(last);
}

}  // namespace must::detail::sqlite

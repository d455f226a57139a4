// SPDX-License-Identifier: MIT
// The positions that a query item matches in a SQLite file, in order, by walking the lists of an index side by side.
#pragma once

#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/storage/kit/read_window.hpp"
#include "must/storage/sqlite/connection.hpp"
#include "must/storage/sqlite/recent.hpp"
#include "must/storage/sqlite/snapshot.hpp"
#include "must/storage/sqlite/sql.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace must::detail::sqlite {

// A part of a store: the positions from low to high, and the versions that count.
// Returns the version that a stream has at a position, 0 before its first event. That is logarithmic.
inline version sqlite_version_at(sqlite_connection& on, std::string_view stream, position at) {
  if (at == 0) return 0;
  sqlite_connection::lease last(on, sql::version);
  if (!last->text(1, stream).step()) return 0;
  auto high = last->count(0);
  if (last->count(1) <= at) return version(high);
  std::uint64_t low = 0;  // `low` is stored at or before `at`, and `high` after it.
  sqlite_connection::lease look(on, sql::version_at);
  look->text(1, stream);
  while (high - low > 1) {
    const auto middle = low + (high - low) / 2;
    const bool found = look->bind(2, middle).step();
    (found && look->count(0) <= at ? low : high) = middle;
    look->reset();
  }
  return version(low);
}

// Returns where to begin and end in the versions of a stream. The beginning is exact; a walk ends at a position itself.
inline std::pair<std::uint64_t, std::uint64_t> sqlite_versions(sqlite_connection& on, std::string_view stream,
                                                               const kit::read_bounds& in) {
  auto made = std::pair(in.low_version.value, in.high_version.value);
  if (in.order == direction::backwards)
    made.second = std::min(made.second, sqlite_version_at(on, stream, in.high).value);
  else if (in.low > 1)
    made.first = std::max(made.first, sqlite_version_at(on, stream, in.low - 1).value + 1);
  return made;
}

// One list of an index: the events of a tag, of a type, or of a stream. Unless `types` is empty, only those count.
class sqlite_posting {
 public:
  enum class kind : std::uint8_t { tag, type, stream };

  sqlite_posting(const sqlite_moment& as_of, kind which, std::string_view name, std::span<const std::string> types,
                 const kit::read_bounds& window)
      : on_(&as_of.on),
        indexed_(as_of.seen.indexed),
        kind_(which),
        name_(name),
        types_(types),
        window_(window),
        list_(as_of.on, in(window.order, list_of(which, types))) {
    if (which == kind::tag) recent_ = as_of.unindexed({name, types, window.low, window.high});
    open();
    advance();
  }

  // Returns the first match at `target` or beyond it (backwards: before it), and 0 when there is none.
  position seek(position target) {
    constexpr int near = 8;  // Steps to what is near are cheaper than a search.
    for (int i = 0; at_ != 0 && is_before(at_, target); ++i) {
      if (i == near) open_at(target);
      advance();
    }
    return at_;
  }
  position next() {
    advance();
    return at_;
  }
  [[nodiscard]] position at() const noexcept { return at_; }

 private:
  static sql list_of(kind which, std::span<const std::string> types) {
    if (which == kind::tag) return sql::tag_list;
    if (which == kind::type) return sql::type_list;
    return types.empty() ? sql::stream_list : sql::typed_stream_list;
  }
  [[nodiscard]] bool is_before(position left, position right) const noexcept {
    return window_.order == direction::forwards ? left < right : left > right;
  }
  // Makes a cursor that stands before the first match of the window.
  void open() {
    list_->reset();
    auto low = window_.low, high = window_.high;
    if (kind_ == kind::tag) high = std::min(high, indexed_);
    if (kind_ == kind::stream && low <= high) std::tie(low, high) = sqlite_versions(*on_, name_, window_);
    is_in_index_ = low <= high;
    if (is_in_index_) list_->text(1, name_).bind(2, low).bind(3, high);
    const bool forwards = window_.order == direction::forwards;
    const auto first = std::lower_bound(recent_.begin(), recent_.end(), window_.low);
    const auto last = std::upper_bound(recent_.begin(), recent_.end(), window_.high);
    next_recent_ = static_cast<std::size_t>((forwards ? first : last) - recent_.begin());
    at_ = forwards ? window_.low : window_.high;
  }
  void open_at(position target) {
    (window_.order == direction::forwards ? window_.low : window_.high) = target;
    open();
  }
  // At the end at_ is 0, and stays so.
  void advance() {
    // After this many events of other types in a row, the lists of the types know where to go on.
    constexpr int far = 64;
    const bool forwards = window_.order == direction::forwards;
    if (at_ == 0) return;
    if (!forwards && next_recent_ > 0) {
      at_ = recent_[--next_recent_];
      return;
    }
    for (int skipped = 0; is_in_index_;) {
      at_ = list_->step() ? list_->count(0) : 0;
      is_in_index_ = at_ != 0 && at_ >= window_.low && at_ <= window_.high;
      if (is_in_index_ && (types_.empty() || is_one_of(types_, list_->bytes(1)))) return;
      if (is_in_index_ && ++skipped % far == 0) skip_to_types();
    }
    at_ = forwards && next_recent_ < recent_.size() ? recent_[next_recent_++] : 0;
  }
  void skip_to_types() {
    const bool forwards = window_.order == direction::forwards;
    (forwards ? window_.low : window_.high) = at_;
    position nearest = 0;
    sqlite_connection::lease list(*on_, in(window_.order, sql::type_list));
    for (const auto& type : types_) {
      const bool found = list->text(1, type).bind(2, window_.low).bind(3, window_.high).step();
      const auto next = found ? list->count(0) : 0;
      if (next != 0 && (nearest == 0 || is_before(next, nearest))) nearest = next;
      list->reset();
    }
    is_in_index_ = nearest != 0;
    if (is_in_index_) open_at(nearest);
  }

  sqlite_connection* on_;
  position indexed_;
  kind kind_;
  std::string_view name_;
  std::span<const std::string> types_;
  kit::read_bounds window_;
  sqlite_connection::lease list_;   // The statement that walks the index.
  bool is_in_index_ = false;        // Whether the list may have more in the index.
  std::vector<position> recent_{};  // The positions that the index of tags does not have yet. All of them are newer.
  std::size_t next_recent_ = 0;
  position at_ = 0;
};

// The positions that an item with tags or a stream matches.
class sqlite_item_cursor {
 public:
  sqlite_item_cursor(const sqlite_moment& as_of, const query_item& item, const kit::read_bounds& window) {
    std::span<const std::string> types(item.types);
    lists_.reserve(item.tags.size() + 1);
    const auto add = [&](sqlite_posting::kind which, std::string_view name) {
      lists_.push_back(std::make_unique<sqlite_posting>(as_of, which, name, std::exchange(types, {}), window));
    };
    for (const auto& tag : item.tags) add(sqlite_posting::kind::tag, tag);
    if (item.stream) add(sqlite_posting::kind::stream, *item.stream);
    settle();
  }
  // Returns the next position, and 0 when there is none.
  [[nodiscard]] position at() const noexcept { return at_; }
  position next() {
    lists_.front()->next();
    settle();
    return at_;
  }

 private:
  // Moves every list to the next position that all of them have.
  void settle() {
    at_ = lists_.front()->at();
    std::size_t agreed = 1;
    for (std::size_t i = 1; agreed < lists_.size() && at_ != 0; i = (i + 1) % lists_.size()) {
      const auto found = lists_[i]->seek(at_);
      agreed = found == at_ ? agreed + 1 : 1;
      at_ = found;
    }
  }

  position at_ = 0;
  std::vector<std::unique_ptr<sqlite_posting>> lists_{};
};

// Calls `use(cursor)` for each of the sorted lists of positions whose union is the item.
template <typename Use>
void for_lists(const sqlite_moment& as_of, const query_item& item, const kit::read_bounds& window, Use&& use) {
  if (window.empty()) return;
  if (!item.tags.empty() || item.stream) {
    sqlite_item_cursor cursor(as_of, item, window);
    return use(cursor);
  }
  for (const auto& type : item.types) {
    sqlite_posting cursor(as_of, sqlite_posting::kind::type, type, {}, window);
    use(cursor);
  }
}

// Returns the newest position in (after, head] that a query matches, and 0 when there is none.
inline position sqlite_last_match(const sqlite_moment& as_of, const query& which, position after, position head) {
  if (after >= head) return 0;
  if (which.is_all()) return head;
  position newest = 0;
  for (const auto& item : which.items()) {
    const auto look = [&](const auto& cursor) { newest = std::max(newest, cursor.at()); };
    if (item.stream && item.tags.empty() && item.types.empty()) {
      sqlite_connection::lease last(as_of.on, sql::version);
      if (last->text(1, *item.stream).step() && last->count(1) > after) newest = std::max(newest, last->count(1));
    } else {
      for_lists(as_of, item, {.order = direction::backwards, .low = after + 1, .high = head}, look);
    }
  }
  return newest;
}

}  // namespace must::detail::sqlite

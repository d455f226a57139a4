// SPDX-License-Identifier: MIT
// Which events match: an index by stream, type and tag that costs what a query matches, wherever the events are kept.
#pragma once

#include "must/detail/hash_index.hpp"
#include "must/detail/postings.hpp"
#include "must/detail/segmented.hpp"
#include "must/query.hpp"
#include "must/record.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace must::detail {

// The events that have one name (of a stream, a type or a tag) in common.
struct name_entry {
  explicit name_entry(std::string_view text) : name(text) {}

  // The last position of this tag with an event of one type. For the writer.
  struct last_of_type {
    std::uint32_t type;
    position last;
  };
  std::string name;
  postings list{};
  std::vector<last_of_type> by_type{};
};

// Names to numbers 1, 2, 3 ... and back.
class name_table {
 public:
  // 0 when the name was never seen.
  [[nodiscard]] std::uint32_t find(std::string_view name) const {
    return static_cast<std::uint32_t>(
        index_.find(hash(name), [&](std::uint64_t id) { return entries_[id - 1].name == name; }));
  }
  // For the writer.
  [[nodiscard]] std::uint32_t find_or_add(std::string_view name) {
    if (const auto known = find(name)) return known;
    index_.reserve(1);
    entries_.emplace_back(name);
    index_.insert(hash(name), entries_.size());
    return static_cast<std::uint32_t>(entries_.size());
  }
  [[nodiscard]] name_entry& operator[](std::uint32_t id) { return entries_[id - 1]; }
  [[nodiscard]] const name_entry& operator[](std::uint32_t id) const { return entries_[id - 1]; }

 private:
  static std::uint64_t hash(std::string_view name) { return std::hash<std::string_view>{}(name); }
  segmented<name_entry> entries_{};
  hash_index index_{};
};

// What the index knows of one event.
struct index_row {
  std::uint32_t type = 0;
  std::uint32_t stream = 0;  // 0: none
  std::uint32_t tag_count = 0;
  const std::uint32_t* tags = nullptr;  // sorted
  must::version version = 0;
};

// A query in numbers. An item that names something never seen matches nothing and is left out.
struct compiled_item {
  std::uint32_t stream = 0;
  std::vector<std::uint32_t> types{}, tags{};

  [[nodiscard]] bool matches(const index_row& row) const {
    if (stream != 0 && row.stream != stream) return false;
    if (!types.empty() && std::find(types.begin(), types.end(), row.type) == types.end()) return false;
    return std::all_of(tags.begin(), tags.end(),
                       [&](std::uint32_t tag) { return std::binary_search(row.tags, row.tags + row.tag_count, tag); });
  }
};

// One writer at a time prepares and commits; any number of readers read up to a head that was published afterwards.
class event_index {
 public:
  // Makes ready for one more event; commit or forget follows, in the order of prepare. May throw bad_alloc.
  [[nodiscard]] index_row prepare(std::string_view type, std::string_view stream, const tag_set& tags) {
    index_row row;
    row.type = types_.find_or_add(type);
    if (!stream.empty()) row.stream = streams_.find_or_add(stream);
    auto* ids = room_for(tags.size());
    for (const auto& tag : tags) {
      const auto id = tags_.find_or_add(tag);
      last_of_type(tags_[id], row.type);
      ids[row.tag_count++] = id;
    }
    std::sort(ids, ids + row.tag_count);
    row.tags = ids;
    rows_.reserve(rows_.size() + prepared_ + 1);
    std::uint32_t done = 0;
    try {
      for (; done < list_count(row); ++done) list_of(row, done).prepare();
    } catch (...) {
      while (done-- > 0) list_of(row, done).forget();
      throw;
    }
    used_ += row.tag_count;
    ++prepared_;
    return row;
  }
  void forget(const index_row& row) noexcept {
    --prepared_;
    for (std::uint32_t i = 0; i < list_count(row); ++i) list_of(row, i).forget();
  }
  // Returns the version of the event in its stream.
  must::version commit(index_row row, position at) noexcept {
    types_[row.type].list.push(at);
    if (row.stream != 0) {
      auto& list = streams_[row.stream].list;
      list.push(at);
      row.version = list.size();
    }
    for (std::uint32_t i = 0; i < row.tag_count; ++i) {
      auto& tag = tags_[row.tags[i]];
      tag.list.push(at);
      last_of_type(tag, row.type) = at;
    }
    rows_.emplace_back(row);
    --prepared_;
    return row.version;
  }

  [[nodiscard]] must::version version_of(std::string_view stream, position head) const {
    const auto id = streams_.find(stream);
    if (id == 0) return 0;
    const auto& list = streams_[id].list;
    return list.count_until(head, list.size());
  }
  [[nodiscard]] const index_row& row(position at) const { return rows_[at - 1]; }

  [[nodiscard]] std::vector<compiled_item> compile(const query& which) const {
    std::vector<compiled_item> items;
    items.reserve(which.items().size());
    for (const auto& item : which.items()) {
      compiled_item made;
      for (const auto& type : item.types)
        if (const auto id = types_.find(type)) made.types.push_back(id);
      for (const auto& tag : item.tags) made.tags.push_back(tags_.find(tag));
      if (item.stream) made.stream = streams_.find(*item.stream);
      const bool impossible = (made.types.empty() && !item.types.empty()) || (item.stream && made.stream == 0) ||
                              std::find(made.tags.begin(), made.tags.end(), 0U) != made.tags.end();
      if (!impossible) items.push_back(std::move(made));
    }
    return items;
  }

  // The last position above `after` that matches, 0 when there is none. For the writer.
  [[nodiscard]] position last_match(const query& which, position after) const {
    if (which.is_all()) return rows_.size() > after ? rows_.size() : 0;
    position found = 0;
    for (const auto& item : compile(which)) found = std::max(found, last_match(item, std::max(after, found)));
    return found;
  }

  // The lists that together hold every match of an item: the cheapest ones.
  [[nodiscard]] std::vector<const postings*> drivers(const compiled_item& item) const {
    if (item.stream != 0) return {&streams_[item.stream].list};
    std::vector<const postings*> of_types;
    std::size_t cost = 0;
    for (const auto type : item.types) {
      of_types.push_back(&types_[type].list);
      cost += of_types.back()->size();
    }
    if (item.tags.empty()) return of_types;
    const postings* rarest = nullptr;
    for (const auto tag : item.tags)
      if (const auto* list = &tags_[tag].list; rarest == nullptr || list->size() < rarest->size()) rarest = list;
    if (of_types.empty() || rarest->size() <= cost) return {rarest};
    return of_types;
  }

 private:
  static position& last_of_type(name_entry& tag, std::uint32_t type) {
    for (auto& known : tag.by_type)
      if (known.type == type) return known.last;
    tag.by_type.push_back({type, 0});
    return tag.by_type.back().last;
  }
  // The lists that an event goes into: of its type, its tags, its stream.
  static std::uint32_t list_count(const index_row& row) noexcept { return 1 + row.tag_count + (row.stream != 0 ? 1U : 0U); }
  [[nodiscard]] postings& list_of(const index_row& row, std::uint32_t i) noexcept {
    if (i == 0) return types_[row.type].list;
    return i <= row.tag_count ? tags_[row.tags[i - 1]].list : streams_[row.stream].list;
  }

  [[nodiscard]] position last_match(const compiled_item& item, position after) const {
    position newest = std::numeric_limits<position>::max();  // nothing above it can match
    if (item.stream != 0) newest = std::min(newest, streams_[item.stream].list.last());
    for (const auto tag : item.tags) newest = std::min(newest, tags_[tag].list.last());
    if (newest <= after) return 0;
    if (!item.types.empty()) {
      newest = std::min(newest, item.tags.empty() ? newest_of_types(item) : std::numeric_limits<position>::max());
      for (const auto tag : item.tags) newest = std::min(newest, newest_of_types(item, tags_[tag]));
      if (newest <= after) return 0;
    }
    if (item.tags.size() + (item.stream != 0 ? 1 : 0) <= 1 && (item.stream == 0 || item.types.empty())) return newest;
    position found = 0;
    for (const auto* list : drivers(item)) {
      const auto count = list->size();
      if (count == 0) continue;
      postings::cursor at(*list, count - 1);
      for (auto left = count; left > 0 && *at > std::max(after, found); --left) {
        if (item.matches(rows_[*at - 1])) found = *at;
        if (left > 1) at.backward();
      }
    }
    return found;
  }
  [[nodiscard]] position newest_of_types(const compiled_item& item) const {
    position newest = 0;
    for (const auto type : item.types) newest = std::max(newest, types_[type].list.last());
    return newest;
  }
  static position newest_of_types(const compiled_item& item, const name_entry& tag) {
    position newest = 0;
    for (const auto& known : tag.by_type)
      if (std::find(item.types.begin(), item.types.end(), known.type) != item.types.end()) newest = std::max(newest, known.last);
    return newest;
  }

  // Room for the numbers of one event's tags; they stay where they are.
  std::uint32_t* room_for(std::size_t count) {
    if (tag_ids_.empty() || used_ + count > room_) {
      room_ = std::max<std::size_t>(std::min<std::size_t>(std::max<std::size_t>(room_ * 2, 64), 65'536), count);
      tag_ids_.push_back(std::make_unique<std::uint32_t[]>(room_));
      used_ = 0;
    }
    return tag_ids_.back().get() + used_;
  }

  name_table streams_{}, types_{}, tags_{};
  segmented<index_row> rows_{};
  std::vector<std::unique_ptr<std::uint32_t[]>> tag_ids_{};
  std::size_t used_ = 0, room_ = 0, prepared_ = 0;
};

}  // namespace must::detail

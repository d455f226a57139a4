// SPDX-License-Identifier: MIT
// Writes the tags of events into the index of a SQLite file, many at a time, so that neighbours share a page.
#pragma once

#include "must/fwd.hpp"
#include "must/storage/sqlite/connection.hpp"
#include "must/storage/sqlite/recent.hpp"
#include "must/storage/sqlite/sql.hpp"
#include "must/storage/sqlite/statement.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace must::detail::sqlite {

// Returns how many of the newest events are to wait in a file whose index has `indexed`. In a small file they are few,
// since the first query of tags reads them. In a large one they are more, since each page of the index is met less
// often.
inline std::uint64_t sqlite_unindexed_events(std::uint64_t asked_for, std::uint64_t indexed) {
  return asked_for != 0 ? asked_for : std::clamp<std::uint64_t>(indexed / 4, 4'096, 16'384);
}

// Rows of the index, written in its order.
class sqlite_tag_rows {
 public:
  explicit sqlite_tag_rows(sqlite_connection& on) : on_(on) {}
  void add(std::string_view tag, position at, std::string_view type) {
    rows_.push_back({at, names_.size(), tag.size(), type.size()});
    (names_ += tag) += type;
    if (rows_.size() >= most_rows || names_.size() >= most_bytes) write();
  }
  void write() {
    std::sort(rows_.begin(), rows_.end(), [this](const row& left, const row& right) {
      const auto order = tag(left).compare(tag(right));
      return order != 0 ? order < 0 : left.at < right.at;
    });
    sqlite_connection::lease insert(on_, sql::insert_tag);
    for (const auto& one : rows_) insert->text(1, tag(one)).bind(2, one.at).text(3, type(one)).run();
    rows_.clear();
    names_.clear();
  }

 private:
  static constexpr std::size_t most_rows = 65'536, most_bytes = std::size_t{1} << 24U;
  struct row {
    position at;
    std::size_t begin, tag_size, type_size;
  };
  [[nodiscard]] std::string_view tag(const row& of) const { return {names_.data() + of.begin, of.tag_size}; }
  [[nodiscard]] std::string_view type(const row& of) const {
    return {names_.data() + of.begin + of.tag_size, of.type_size};
  }
  sqlite_connection& on_;
  std::vector<row> rows_{};
  std::string names_{};
};

// Brings the index up to the head, in the transaction of `on`.
inline void sqlite_index_tags(sqlite_connection& on, position indexed, position head) {
  sqlite_tag_rows rows(on);
  for_tags(on, indexed, head, [&](auto tag, auto at, auto type) { rows.add(tag, at, type); });
  rows.write();
  sqlite_connection::lease update(on, sql::set_indexed);
  update->bind(1, head).run();
}

}  // namespace must::detail::sqlite

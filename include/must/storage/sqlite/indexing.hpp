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

// How much of the newest events may wait to be indexed. The first query of a tag reads what waits, and keeps it in
// memory.
struct sqlite_waiting_limits {
  std::uint64_t events = 0;                             // With 0, the size of the file decides.
  std::uint64_t tag_bytes = std::uint64_t{512} << 10U;  // The bytes of the tags, as rows have them.
  // The events and tags of others that a transaction indexes, beyond as many as it has itself.
  std::size_t at_once = 1'024;
};

// Returns how many of the newest events are to wait in a file whose index has `indexed`. In a small file they are few,
// since the first query of tags reads them. In a large one they are more, since each page of the index is met less
// often.
inline std::uint64_t sqlite_unindexed_events(std::uint64_t asked_for, std::uint64_t indexed) {
  return asked_for != 0 ? asked_for : std::clamp<std::uint64_t>(indexed / 4, 1'024, 4'096);
}

// Counts the bytes of the tags that wait, for the thread that writes. It reads what others have written.
class sqlite_waiting_tags {
 public:
  // Returns the bytes of the tags that wait in what a transaction sees.
  std::uint64_t bytes(sqlite_connection& on, const sqlite_recent::view& seen) {
    if (incarnation_ != seen.incarnation || seen.indexed < from_ || until_ < seen.indexed || seen.head < until_) {
      from_ = until_ = seen.indexed;
      bytes_ = 0;
    }
    incarnation_ = 0;  // What follows may throw half way.
    bytes_ -= std::min(bytes_, stored(on, from_, seen.indexed));
    bytes_ += stored(on, until_, seen.head);
    from_ = seen.indexed;
    until_ = seen.head;
    incarnation_ = seen.incarnation;
    return bytes_;
  }
  // Counts what a transaction has added and indexed, when it has committed.
  void committed(const sqlite_recent::view& after, std::uint64_t added, std::uint64_t indexed) noexcept {
    bytes_ += added;
    bytes_ -= std::min(bytes_, indexed);
    from_ = after.indexed;
    until_ = after.head;
  }

 private:
  static std::uint64_t stored(sqlite_connection& on, position after, position until) {
    if (after >= until) return 0;
    sqlite_connection::lease sum(on, sql::tag_bytes);
    return sum->bind(1, after + 1).bind(2, until).step() ? sum->count(0) : 0;
  }
  std::uint64_t incarnation_ = 0, bytes_ = 0;
  position from_ = 0, until_ = 0;
};

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

// Adds the oldest events that wait to the index, in the transaction of `on`: at least one, and as many as come to
// `most` events and tags. Returns the bytes of their tags, and sets `indexed` to the last of them.
inline std::uint64_t sqlite_index_tags(sqlite_connection& on, position& indexed, position head, std::size_t most) {
  sqlite_tag_rows rows(on);
  std::size_t added = 0;
  std::uint64_t bytes = 0;
  for_tagged_rows(on, indexed, head, [&](const sqlite_tagged_row& row) {
    for_tags(on.context(), row, [&](auto tag) {
      rows.add(tag, row.at, row.type);
      ++added;
    });
    ++added;
    bytes += row.tags.size();
    indexed = row.at;
    return added < most;
  });
  rows.write();
  sqlite_connection::lease update(on, sql::set_indexed);
  update->bind(1, indexed).run();
  return bytes;
}

}  // namespace must::detail::sqlite

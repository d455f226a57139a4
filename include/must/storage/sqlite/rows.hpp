// SPDX-License-Identifier: MIT
// Events to rows of a SQLite store and back.
#pragma once

#include "must/detail/event_row.hpp"
#include "must/storage/sqlite/connection.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace must::detail {

// What is computed of an event before the lock is taken.
struct packed_event {
  std::string tags{}, attributes{};
  std::array<std::uint8_t, 16> digest{};

  [[nodiscard]] std::string_view digest_bytes() const noexcept {
    return {reinterpret_cast<const char*>(digest.data()), digest.size()};
  }
};

inline std::vector<packed_event> pack_events(std::span<const cloud_event> events, const siphash_key& key,
                                             std::size_t most_bytes) {
  std::vector<packed_event> packed;
  packed.reserve(events.size());
  for (const auto& one : events) {
    packed.push_back({pack_tags(one.tags), pack_attributes(one), keyed_content_digest(key, one)});
    constexpr std::size_t names = 8 * 1024;  // what the other columns take at the most, with room to spare
    const auto size = packed.back().tags.size() + packed.back().attributes.size() + one.data.bytes().size() +
                      one.data.content_type().size() + names;
    if (size > most_bytes)
      refuse_input("event", in_quotes(one.id) + " takes a row of " + std::to_string(size) + " bytes; SQLite allows " +
                                std::to_string(most_bytes));
  }
  return packed;
}

// Where an event goes.
struct event_place {
  must::position position = 0;
  must::version version = 0;
  std::int64_t recorded_at = 0;
  std::uint64_t offset = 0, append_size = 0;
};

// Stores an event without its tags. Says SQLITE_CONSTRAINT_UNIQUE when its id is known; nothing is stored then.
inline int insert_event(sqlite_statement& insert, const cloud_event& event, const packed_event& packed,
                        const event_place& at) {
  insert.bind(1, at.position)
      .text_or_null(2, event.subject)
      .bind(3, at.version)
      .text(4, event.type)
      .text(5, event.id)
      .text(6, event.source)
      .bind(8, at.recorded_at)
      .bind(9, at.offset)
      .bind(10, at.append_size)
      .blob(11, packed.digest_bytes())
      .bind(12, static_cast<std::int64_t>(event.data.state()))
      .text_or_null(13, event.data.content_type())
      .blob_or_null(14, packed.tags)
      .blob_or_null(15, packed.attributes)
      .blob_or_null(16, event.data.bytes());
  if (event.time)
    insert.bind(7, event.time->microseconds);
  else
    insert.null(7);
  const int code = insert.try_step();
  if (code != SQLITE_DONE && code != SQLITE_CONSTRAINT_UNIQUE) insert.fail(code);
  insert.reset();
  return code == SQLITE_DONE ? SQLITE_OK : code;
}

// Stores tags, many at a time in the order of their index: neighbours lie on one page.
class tag_inserter {
 public:
  explicit tag_inserter(sqlite_connection& on) : on_(on) {}
  void add(const cloud_event& event, position at) {
    for (const auto& tag : event.tags) rows_.push_back({tag, at, event.type});
    if (rows_.size() >= most_rows) finish();
  }
  void finish() {
    if (rows_.empty()) return;
    std::sort(rows_.begin(), rows_.end(), [](const row& left, const row& right) {
      return left.tag != right.tag ? left.tag < right.tag : left.at < right.at;
    });
    sqlite_connection::lease insert(on_, sql::insert_tag);
    for (const auto& one : rows_) insert->text(1, one.tag).bind(2, one.at).text(3, one.type).run();
    rows_.clear();
  }

 private:
  static constexpr std::size_t most_rows = 65'536;
  struct row {
    std::string_view tag;
    position at;
    std::string_view type;
  };
  sqlite_connection& on_;
  std::vector<row> rows_{};
};

// Reads the row that `from` stands on into `to`, whose memory is used again.
inline void read_row(sqlite_statement& from, recorded<payload>& to) {
  to.position = from.count(0);
  to.subject = from.bytes(1);
  to.version = from.count(2);
  to.type = from.bytes(3);
  to.id = from.bytes(4);
  to.source = from.bytes(5);
  to.time.reset();
  if (!from.is_null(6)) to.time = plain_time(from.integer(6));
  to.recorded_at = plain_time(from.integer(7));
  to.dataschema.clear();
  to.extensions.clear();
  unpack_tags(from.bytes(8), to.tags);
  auto erased = unpack_attributes(from.bytes(12), to);
  unpack_payload(from.integer(10), from.bytes(9), from.bytes(11), std::move(erased), to.data);
}

}  // namespace must::detail

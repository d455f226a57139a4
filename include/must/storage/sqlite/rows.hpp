// SPDX-License-Identifier: MIT
// Makes events rows of a SQLite store, and rows events.
#pragma once

#include "must/detail/siphash.hpp"
#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/record.hpp"
#include "must/storage/kit/row.hpp"
#include "must/storage/kit/validate.hpp"
#include "must/storage/sqlite/connection.hpp"
#include "must/storage/sqlite/error.hpp"
#include "must/storage/sqlite/sql.hpp"
#include "must/storage/sqlite/statement.hpp"
#include "must/text/quoted.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace must::detail::sqlite {

// What is computed of an event before the lock is taken. `envelope` is a digest of what the other digest leaves out.
struct packed_event {
  std::string tags{}, attributes{};
  std::array<std::uint8_t, 16> digest{}, envelope{};
};

inline std::array<std::uint8_t, 16> envelope_digest(const siphash_key& key, const cloud_event& event,
                                                    std::string_view attributes) {
  kit::row_writer to;
  to.text(event.id).text(event.source).integer(event.time ? 1 : 0).text(attributes);
  if (event.time) to.integer(static_cast<std::uint64_t>(event.time->microseconds));
  return siphash(key, to.bytes);
}

inline std::vector<packed_event> pack_events(std::span<const cloud_event> events, const siphash_key& key,
                                             std::size_t most_bytes) {
  std::vector<packed_event> packed;
  packed.reserve(events.size());
  for (const auto& one : events) {
    auto attributes = kit::pack_attributes(one);
    const auto envelope = envelope_digest(key, one, attributes);
    packed.push_back({kit::pack_tags(one.tags), std::move(attributes), kit::keyed_content_digest(key, one), envelope});
    constexpr std::size_t names = 8192;  // The other columns take no more than this, with room to spare.
    const auto size = packed.back().tags.size() + packed.back().attributes.size() + one.data.bytes().size() +
                      one.data.content_type().size() + names;
    if (size > most_bytes)
      kit::refuse_input("event", text::in_quotes(one.id) + " takes a row of " + std::to_string(size) +
                                     " bytes; SQLite allows " + std::to_string(most_bytes));
  }
  return packed;
}

// Where an event is stored.
struct event_place {
  must::position position = 0;
  must::version version = 0;
  std::int64_t recorded_at = 0;
  std::uint64_t offset = 0, append_size = 0;
};

// The digest of the content, which tells a repeat, and 8 bytes more that seal the rest of the row.
using row_seal = std::array<std::uint8_t, 24>;
inline row_seal seal_row(const std::array<std::uint8_t, 16>& content, const std::array<std::uint8_t, 16>& envelope,
                         const event_place& at) {
  siphash_state state(envelope);
  for (const auto number :
       {at.position, at.version.value, static_cast<std::uint64_t>(at.recorded_at), at.offset, at.append_size})
    state.put(number);
  const auto rest = state.first_half();
  row_seal made{};
  std::copy(content.begin(), content.end(), made.begin());
  for (std::size_t i = 0; i < 8; ++i) made[content.size() + i] = static_cast<std::uint8_t>(rest >> (8 * i));
  return made;
}
inline std::string_view view_of(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Stores an event without its tags. Returns SQLITE_CONSTRAINT_UNIQUE when its id is known, and stores nothing then.
inline int insert_event(sqlite_statement& insert, const cloud_event& event, const packed_event& packed,
                        const event_place& at) {
  const auto seal = seal_row(packed.digest, packed.envelope, at);
  insert.bind(1, at.position)
      .text_or_null(2, event.subject)
      .bind(3, at.version.value)
      .text(4, event.type)
      .text(5, event.id)
      .text(6, event.source)
      .bind(8, at.recorded_at)
      .bind(9, at.offset)
      .bind(10, at.append_size)
      .blob(11, view_of(seal))
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

// Reads the row that `from` stands on into `to`, whose memory is used again.
inline void read_columns(sqlite_statement& from, recorded<payload>& to) {
  to.position = from.count(0);
  to.subject = from.bytes(1);
  to.version = must::version(from.count(2));
  to.type = from.bytes(3);
  to.id = from.bytes(4);
  to.source = from.bytes(5);
  to.time.reset();
  if (const auto time = from.integer_or_null(6)) to.time = kit::plain_time(*time);
  to.recorded_at = kit::plain_time(from.integer(7));
  to.dataschema.clear();
  to.extensions.clear();
  kit::unpack_tags(from.bytes(8), to.tags);
  auto erased = kit::unpack_attributes(from.bytes(12), to);
  kit::unpack_payload(from.integer(10), from.bytes(9), from.bytes(11), std::move(erased), to.data);
}
// Reads a row in the same way. An error names the row that cannot be read.
inline void read_row(sqlite_statement& from, recorded<payload>& to) {
  try {
    read_columns(from, to);
  } catch (const codec_error&) {
    raise_damaged(from.context(), from.count(0), "its row cannot be read");
  }
}
// Compares an event that was read with the seal of its row. The seal of erased data stays that of the data.
inline void check_seal(sqlite_connection& on, const siphash_key& key, const recorded<payload>& one) {
  sqlite_connection::lease seal(on, sql::seal);
  if (!seal->bind(1, one.position).step()) raise_damaged(on.context(), one.position, "its row is not there");
  const event_place at{one.position, one.version, one.recorded_at.microseconds, seal->count(0), seal->count(1)};
  const auto expected =
      seal_row(kit::keyed_content_digest(key, one), envelope_digest(key, one, kit::pack_attributes(one)), at);
  const auto is_erased = one.data.state() == payload::kind::erased;
  const auto from = is_erased ? expected.size() - 8 : 0;
  const auto found = seal->bytes(2);
  if (found.size() != expected.size() || found.substr(from) != view_of(expected).substr(from))
    raise_damaged(on.context(), one.position, "its row is not the one that was written");
}

}  // namespace must::detail::sqlite

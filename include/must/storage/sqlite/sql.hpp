// SPDX-License-Identifier: MIT
// The tables of a SQLite store, and the constant statements that appends, reads and cells run.
#pragma once

#include "must/query.hpp"

#include <cstdint>
#include <string_view>

namespace must::detail::sqlite {

// The version of these tables. A release that knows less than min_reader does not read them, and one that knows less
// than min_writer does not write them.
inline constexpr std::int64_t sqlite_schema_version = 2;

inline constexpr std::string_view sqlite_schema = R"(CREATE TABLE must_store(
  one INTEGER PRIMARY KEY CHECK (one = 1),
  schema_version INTEGER NOT NULL,
  min_reader INTEGER NOT NULL,
  min_writer INTEGER NOT NULL,
  uuid TEXT NOT NULL,
  incarnation INTEGER NOT NULL,
  digest_key BLOB NOT NULL,
  indexed INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE must_event(
  position INTEGER PRIMARY KEY,
  stream TEXT,
  version INTEGER NOT NULL,
  type TEXT NOT NULL,
  id TEXT NOT NULL,
  source TEXT NOT NULL,
  time INTEGER,
  recorded_at INTEGER NOT NULL,
  append_offset INTEGER NOT NULL,
  append_size INTEGER NOT NULL,
  digest BLOB NOT NULL,
  state INTEGER NOT NULL,
  content_type TEXT,
  tags BLOB,
  attributes BLOB,
  data BLOB
) STRICT;
CREATE UNIQUE INDEX must_event_identity ON must_event(id, source);
CREATE UNIQUE INDEX must_event_stream ON must_event(stream, version) WHERE stream IS NOT NULL;
CREATE INDEX must_event_type ON must_event(type);
CREATE TABLE must_tag(
  tag TEXT NOT NULL,
  position INTEGER NOT NULL,
  type TEXT NOT NULL,
  PRIMARY KEY(tag, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE must_cell(
  key TEXT PRIMARY KEY,
  revision INTEGER NOT NULL,
  bytes BLOB NOT NULL
) STRICT;
)";
// Version 2: must_tag has the tags of the events up to must_store.indexed. The tags of newer events are added many at
// once.
inline constexpr std::string_view sqlite_schema_from_1 =
    R"(ALTER TABLE must_store ADD COLUMN indexed INTEGER NOT NULL DEFAULT 0;
UPDATE must_store SET indexed = (SELECT ifnull(max(position), 0) FROM must_event),
  schema_version = 2, min_reader = 2, min_writer = 2;
)";

// Statements that have a direction come in pairs, the forward one first.
enum class sql : std::uint8_t {
  begin,
  commit,
  state,
  store,
  head,
  version,
  known,
  seal,
  head_by_type,
  insert_event,
  insert_tag,
  tagged_rows,
  tag_bytes,
  set_indexed,
  cell,
  insert_cell,
  update_cell,
  remove_cell,
  list_cells,
  event_of_id,
  version_at,
  all_rows,
  all_rows_back,
  tag_rows,
  tag_rows_back,
  type_rows,
  type_rows_back,
  stream_rows,
  stream_rows_back,
  tag_list,
  tag_list_back,
  type_list,
  type_list_back,
  stream_list,
  stream_list_back,
  typed_stream_list,
  typed_stream_list_back,
  count
};

inline sql in(direction order, sql forwards) {
  return order == direction::forwards ? forwards : static_cast<sql>(static_cast<std::uint8_t>(forwards) + 1);
}

#define MUST_SQLITE_ROW                                                                                             \
  "SELECT e.position, e.stream, e.version, e.type, e.id, e.source, e.time, e.recorded_at, e.tags, e.content_type, " \
  "e.state, e.data, e.attributes FROM "

constexpr std::string_view text_of(sql which) {
  switch (which) {
    case sql::begin: return "BEGIN IMMEDIATE";
    case sql::commit: return "COMMIT";
    case sql::state:
      return "SELECT s.min_writer, e.position, e.recorded_at, s.indexed, s.incarnation FROM must_store s "
             "LEFT JOIN must_event e WHERE s.one = 1 ORDER BY e.position DESC LIMIT 1";
    case sql::store: return "SELECT min_reader, schema_version, uuid, incarnation, digest_key FROM must_store";
    case sql::head:
      return "SELECT e.position, s.min_reader, s.indexed, s.incarnation, e.source, e.id FROM must_store s LEFT JOIN "
             "must_event e WHERE s.one = 1 ORDER BY e.position DESC LIMIT 1";
    case sql::version:
      return "SELECT version, position FROM must_event WHERE stream = ?1 ORDER BY version DESC LIMIT 1";
    case sql::version_at: return "SELECT position FROM must_event WHERE stream = ?1 AND version = ?2";
    case sql::known:
      return "SELECT position, append_offset, append_size, digest FROM must_event WHERE id = ?1 AND source = ?2";
    case sql::seal: return "SELECT append_offset, append_size, digest FROM must_event WHERE position = ?1";
    case sql::head_by_type:
      return "WITH RECURSIVE t(type) AS (SELECT min(type) FROM must_event UNION ALL SELECT "
             "(SELECT min(e.type) FROM must_event e WHERE e.type > t.type) FROM t WHERE t.type IS NOT NULL) "
             "SELECT max((SELECT max(position) FROM must_event INDEXED BY must_event_type WHERE type = t.type)), "
             "(SELECT max(position) FROM must_event) FROM t";
    case sql::insert_event:
      return "INSERT INTO must_event(position, stream, version, type, id, source, time, recorded_at, append_offset, "
             "append_size, digest, state, content_type, tags, attributes, data) "
             "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";
    case sql::insert_tag: return "REPLACE INTO must_tag(tag, position, type) VALUES (?1, ?2, ?3)";
    case sql::tagged_rows:
      return "SELECT position, type, tags FROM must_event WHERE position BETWEEN ?1 AND ?2 ORDER BY position";
    case sql::tag_bytes: return "SELECT ifnull(sum(length(tags)), 0) FROM must_event WHERE position BETWEEN ?1 AND ?2";
    case sql::set_indexed: return "UPDATE must_store SET indexed = ?1";
    case sql::cell: return "SELECT revision, bytes FROM must_cell WHERE key = ?1";
    case sql::insert_cell:
      return "INSERT INTO must_cell(key, revision, bytes) VALUES (?1, 1, ?2) ON CONFLICT DO NOTHING";
    case sql::update_cell:
      return "UPDATE must_cell SET revision = revision + 1, bytes = ?2 WHERE key = ?1 AND revision = ?3";
    case sql::remove_cell: return "DELETE FROM must_cell WHERE key = ?1 AND revision = ?2";
    case sql::list_cells: return "SELECT key FROM must_cell WHERE key >= ?1 AND key < ?2 ORDER BY key";
    case sql::event_of_id: return MUST_SQLITE_ROW "must_event e WHERE e.id = ?1 AND e.source = ?2";
    case sql::all_rows: return MUST_SQLITE_ROW "must_event e WHERE e.position >= ?1 ORDER BY e.position";
    case sql::all_rows_back: return MUST_SQLITE_ROW "must_event e WHERE e.position <= ?1 ORDER BY e.position DESC";
    case sql::tag_rows:
      return MUST_SQLITE_ROW
          "must_tag t CROSS JOIN must_event e ON e.position = t.position "
          "WHERE t.tag = ?1 AND t.position BETWEEN ?2 AND ?3 ORDER BY t.position";
    case sql::tag_rows_back:
      return MUST_SQLITE_ROW
          "must_tag t CROSS JOIN must_event e ON e.position = t.position "
          "WHERE t.tag = ?1 AND t.position BETWEEN ?2 AND ?3 ORDER BY t.position DESC";
    case sql::type_rows:
      return MUST_SQLITE_ROW
          "must_event e INDEXED BY must_event_type "
          "WHERE e.type = ?1 AND e.position BETWEEN ?2 AND ?3 ORDER BY e.position";
    case sql::type_rows_back:
      return MUST_SQLITE_ROW
          "must_event e INDEXED BY must_event_type "
          "WHERE e.type = ?1 AND e.position BETWEEN ?2 AND ?3 ORDER BY e.position DESC";
    case sql::stream_rows:
      return MUST_SQLITE_ROW
          "must_event e INDEXED BY must_event_stream "
          "WHERE e.stream = ?1 AND e.version BETWEEN ?2 AND ?3 ORDER BY e.version";
    case sql::stream_rows_back:
      return MUST_SQLITE_ROW
          "must_event e INDEXED BY must_event_stream "
          "WHERE e.stream = ?1 AND e.version BETWEEN ?2 AND ?3 ORDER BY e.version DESC";
    case sql::tag_list:
      return "SELECT position, type FROM must_tag WHERE tag = ?1 AND position BETWEEN ?2 AND ?3 ORDER BY position";
    case sql::tag_list_back:
      return "SELECT position, type FROM must_tag WHERE tag = ?1 AND position BETWEEN ?2 AND ?3 ORDER BY position DESC";
    case sql::type_list:
      return "SELECT position FROM must_event INDEXED BY must_event_type "
             "WHERE type = ?1 AND position BETWEEN ?2 AND ?3 ORDER BY position";
    case sql::type_list_back:
      return "SELECT position FROM must_event INDEXED BY must_event_type "
             "WHERE type = ?1 AND position BETWEEN ?2 AND ?3 ORDER BY position DESC";
    case sql::stream_list:
      return "SELECT position FROM must_event INDEXED BY must_event_stream "
             "WHERE stream = ?1 AND version BETWEEN ?2 AND ?3 ORDER BY version";
    case sql::stream_list_back:
      return "SELECT position FROM must_event INDEXED BY must_event_stream "
             "WHERE stream = ?1 AND version BETWEEN ?2 AND ?3 ORDER BY version DESC";
    case sql::typed_stream_list:
      return "SELECT position, type FROM must_event INDEXED BY must_event_stream "
             "WHERE stream = ?1 AND version BETWEEN ?2 AND ?3 ORDER BY version";
    case sql::typed_stream_list_back:
      return "SELECT position, type FROM must_event INDEXED BY must_event_stream "
             "WHERE stream = ?1 AND version BETWEEN ?2 AND ?3 ORDER BY version DESC";
    case sql::count: break;
  }
  return {};
}

#undef MUST_SQLITE_ROW

}  // namespace must::detail::sqlite

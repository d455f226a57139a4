// SPDX-License-Identifier: MIT
// The tables and functions of a store in PostgreSQL. What is created here is stored: a change is a new schema version.
#pragma once

#include "must/storage/kit/validate.hpp"
#include "must/text/quoted.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace must::detail::postgres {

inline constexpr int pg_schema_version = 1;

// Puts one quote character around `text`, and two for each within it.
inline std::string pg_quoted(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote) out += quote;
    out += c;
  }
  return out += quote;
}

// Puts `what` in the place of each `mark`.
inline std::string pg_with(std::string text, std::string_view mark, std::string_view what) {
  for (auto at = text.find(mark); at != text.npos; at = text.find(mark, at + what.size()))
    text.replace(at, mark.size(), what);
  return text;
}

// Puts the schema into a text: "{s}" is its quoted name, "{l}" a literal that regnamespace understands.
inline std::string pg_in_schema(std::string text, std::string_view schema) {
  const auto name = pg_quoted(schema, '"');
  return pg_with(pg_with(std::move(text), "{s}", name), "{l}", pg_quoted(name, '\''));
}

inline void check_schema_name(std::string_view name) {
  kit::check_name("schema", name);
  if (name.size() > 63)
    kit::refuse_input("schema", "has " + std::to_string(name.size()) + " bytes; PostgreSQL allows 63");
  if (name.starts_with("pg_")) kit::refuse_input("schema", text::in_quotes(name) + " is reserved by PostgreSQL");
  if (name.find('$') != name.npos || name.find('{') != name.npos || name.find('\\') != name.npos)
    kit::refuse_input("schema", text::in_quotes(name) + " has one of the characters $ { \\");
}

// The first key of the advisory locks: "must" for appends, "mstm" for migrations. `position + 0` is in the indexes of
// streams and types, so that no plan walks the primary key from its end for something that is rare, or not there.
inline constexpr std::string_view pg_tables = R"sql(
DO $must$ BEGIN
  IF to_regnamespace({l}) IS NULL THEN CREATE SCHEMA {s}; END IF;
END $must$;
CREATE TABLE {s}.store (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  schema_version int NOT NULL,
  min_reader int NOT NULL,
  min_writer int NOT NULL,
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  incarnation uuid NOT NULL DEFAULT gen_random_uuid(),
  digest_key bytea NOT NULL DEFAULT decode(md5(gen_random_uuid()::text || gen_random_uuid()::text), 'hex')
);
CREATE TABLE {s}.event (
  position bigint PRIMARY KEY,
  version bigint NOT NULL,
  recorded_at bigint NOT NULL,
  time bigint,
  append_offset int NOT NULL,
  append_size int NOT NULL,
  state smallint NOT NULL,
  stream text COLLATE "C",
  type text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  source text COLLATE "C" NOT NULL,
  content_type text COLLATE "C" NOT NULL,
  tags bytea NOT NULL,
  digest bytea NOT NULL,
  attributes bytea NOT NULL,
  data bytea NOT NULL
);
CREATE UNIQUE INDEX event_identity ON {s}.event (source, id);
CREATE UNIQUE INDEX event_version ON {s}.event (stream, version) WHERE stream IS NOT NULL;
CREATE INDEX event_stream ON {s}.event (stream, (position + 0)) WHERE stream IS NOT NULL;
CREATE INDEX event_type ON {s}.event (type, (position + 0));
CREATE TABLE {s}.tag (
  tag text COLLATE "C" NOT NULL,
  position bigint NOT NULL,
  type text COLLATE "C" NOT NULL,
  PRIMARY KEY (tag, position) INCLUDE (type)
);
CREATE TABLE {s}.cell (
  key text COLLATE "C" PRIMARY KEY,
  revision bigint NOT NULL,
  bytes bytea NOT NULL,
  put_by bytea NOT NULL
);
)sql";

// Parts that functions share. The commit lock is a statement of its own, so that what follows sees every earlier
// commit. It needs `needed`, and gives `head` and `recorded`.
inline constexpr std::string_view pg_enter = R"sql(
  IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
    RAISE EXCEPTION 'must appends only at isolation level READ COMMITTED' USING ERRCODE = 'MU001';
  END IF;
  PERFORM pg_advisory_xact_lock(1836413812, {l}::regnamespace::oid::int);
  SELECT s.min_writer, coalesce(l.position, 0), l.recorded_at INTO needed, head, recorded
    FROM {s}.store s LEFT JOIN LATERAL (SELECT e.position, e.recorded_at FROM {s}.event e ORDER BY e.position DESC
        LIMIT 1) l ON true
    WHERE s.one;
  IF needed > writer THEN
    RAISE EXCEPTION 'the schema needs a writer of version % at least; this release of must writes version %', needed,
        writer
      USING ERRCODE = 'MU002';
  END IF;
)sql";

// Stores events that were judged: event i of stream_no[i] gets the version `versions[stream_no[i]] + stream_step[i]`.
inline constexpr std::string_view pg_insert = R"sql(
  IF cardinality(ids) = 1 THEN
    INSERT INTO {s}.event (position, stream, version, type, id, source, time, recorded_at, tags, content_type, state,
        data,
                           attributes, append_offset, append_size, digest)
    VALUES (head + 1, streams[1], coalesce(versions[stream_no[1]] + stream_step[1], 0), types[1], ids[1], sources[1],
        times[1],
            recorded, tag_sets[1], content_types[1], states[1], datas[1], attribute_sets[1], offsets[1], sizes[1],
                digests[1]);
  ELSE
    INSERT INTO {s}.event (position, stream, version, type, id, source, time, recorded_at, tags, content_type, state,
        data,
                           attributes, append_offset, append_size, digest)
    SELECT head + u.n, u.stream, coalesce(versions[u.stream_no] + u.step, 0), u.type, u.id, u.source, u.time,
        recorded, u.tags,
           u.content_type, u.state, u.data, u.attributes, u.append_offset, u.append_size, u.digest
    FROM unnest(ids, sources, types, streams, stream_no, stream_step, times, tag_sets, content_types, states, datas,
                attribute_sets, digests, offsets, sizes) WITH ORDINALITY
      AS u(id, source, type, stream, stream_no, step, time, tags, content_type, state, data, attributes, digest,
           append_offset, append_size, n);
  END IF;
  IF cardinality(tag_event) > 0 THEN
    INSERT INTO {s}.tag (tag, position, type)
    SELECT t.name, head + t.event, t.type FROM unnest(tag_names, tag_event, tag_types) AS t(name, event, type);
  END IF;
  IF channel IS NOT NULL THEN
    PERFORM pg_notify(channel, (head + cardinality(ids))::text);
  END IF;
)sql";

// The last position above `above` of an item of a query. Several lists (tags, stream) leap from one to the other, so
// that the cost is that of the rarest.
inline constexpr std::string_view pg_last_match = R"sql(
CREATE FUNCTION {s}.last_match(above bigint, types text[], tags text[], wanted text) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $must$
DECLARE
  upto bigint := 9223372036854775807;
  found bigint;
  typed boolean := cardinality(types) > 0;
  count_of_tags int := cardinality(tags);
  lists int := count_of_tags + CASE WHEN wanted IS NULL THEN 0 ELSE 1 END;
  list int := 0;
  agreed int := 0;
BEGIN
  IF lists = 0 THEN
    RETURN (SELECT max(x.p) FROM (SELECT (SELECT e.position FROM {s}.event e WHERE e.type = t.name AND e.position + 0
        > above ORDER BY e.position + 0 DESC LIMIT 1) AS p
                                  FROM unnest(types) AS t(name)) x);
  END IF;
  LOOP
    IF list < count_of_tags AND typed THEN
      SELECT t.position INTO found FROM {s}.tag t
        WHERE t.tag = tags[list + 1] AND t.position > above AND t.position <= upto AND t.type = ANY(types)
        ORDER BY t.position DESC LIMIT 1;
    ELSIF list < count_of_tags THEN
      SELECT t.position INTO found FROM {s}.tag t WHERE t.tag = tags[list + 1] AND t.position > above AND t.position
          <= upto
        ORDER BY t.position DESC LIMIT 1;
    ELSIF typed THEN
      SELECT e.position INTO found FROM {s}.event e
        WHERE e.stream = wanted AND e.position + 0 > above AND e.position + 0 <= upto AND e.type = ANY(types)
        ORDER BY e.position + 0 DESC LIMIT 1;
    ELSE
      SELECT e.position INTO found FROM {s}.event e WHERE e.stream = wanted AND e.position + 0 > above AND e.position
          + 0 <= upto
        ORDER BY e.position + 0 DESC LIMIT 1;
    END IF;
    IF found IS NULL THEN
      RETURN NULL;
    END IF;
    agreed := CASE WHEN found = upto THEN agreed + 1 ELSE 1 END;
    upto := found;
    IF agreed = lists THEN
      RETURN upto;
    END IF;
    list := (list + 1) % lists;
  END LOOP;
END $must$;
)sql";

inline constexpr std::string_view pg_put_events = R"sql(
CREATE FUNCTION {s}.put_events(
  head bigint, recorded bigint, channel text, ids text[], sources text[], types text[], streams text[], stream_no int[],
  stream_step int[], versions bigint[], times bigint[], tag_sets bytea[], content_types text[], states smallint[],
  datas bytea[], attribute_sets bytea[], digests bytea[], offsets int[], sizes int[], tag_event int[], tag_names text[],
  tag_types text[]) RETURNS void LANGUAGE plpgsql VOLATILE AS $must$
BEGIN
  {insert}
END $must$;
)sql";

// What is stored of identities, streams and queries. Item i of a query belongs to no append here: the caller knows.
inline constexpr std::string_view pg_look = R"sql(
CREATE FUNCTION {s}.look(
  writer int, ids text[], sources text[], names text[], above bigint[], type_from int[], type_to int[], tag_from int[],
  tag_to int[], item_stream text[], types text[], tags text[],
  OUT head bigint, OUT recorded bigint, OUT versions bigint[], OUT matches bigint[], OUT known_no int[], OUT known_at
      bigint[],
  OUT known_offset int[], OUT known_size int[], OUT known_digest bytea[])
LANGUAGE plpgsql VOLATILE AS $must$
DECLARE
  needed int;
BEGIN
  {enter}
  SELECT array_agg(u.n), array_agg(e.position), array_agg(e.append_offset), array_agg(e.append_size),
      array_agg(e.digest)
    INTO known_no, known_at, known_offset, known_size, known_digest
    FROM unnest(ids, sources) WITH ORDINALITY AS u(id, source, n)
    JOIN {s}.event e ON e.source = u.source AND e.id = u.id;
  versions := ARRAY(SELECT coalesce((SELECT e.version FROM {s}.event e WHERE e.stream = s.name ORDER BY e.version DESC
      LIMIT 1), 0)
                    FROM unnest(names) WITH ORDINALITY AS s(name, n) ORDER BY s.n);
  matches := ARRAY(SELECT coalesce(CASE
                     WHEN q.item_stream IS NULL AND q.tag_from = q.tag_to AND q.type_from > q.type_to THEN
                       (SELECT t.position FROM {s}.tag t WHERE t.tag = tags[q.tag_from] AND t.position > q.above ORDER
                           BY t.position DESC LIMIT 1)
                     ELSE {s}.last_match(q.above, types[q.type_from:q.type_to], tags[q.tag_from:q.tag_to],
                         q.item_stream) END, 0)
                   FROM unnest(above, type_from, type_to, tag_from, tag_to, item_stream) WITH ORDINALITY
                     AS q(above, type_from, type_to, tag_from, tag_to, item_stream, n) ORDER BY q.n);
END $must$;
)sql";

// One append in one call. outcome 0: stored; 1: some ids are known; 2: position ahead; 3: an expectation does not hold
// (number part); 4: an event matches the query (at actual). An event that was seen is expected as two entries: its id
// with kind 4, and its source with kind 5.
inline constexpr std::int32_t pg_kind_seen = 4;
inline constexpr std::string_view pg_append = R"sql(
CREATE FUNCTION {s}.append(
  writer int, now bigint, channel text, ids text[], sources text[], types text[], streams text[], stream_no int[],
  stream_step int[], names text[], times bigint[], tag_sets bytea[], content_types text[], states smallint[], datas
      bytea[],
  attribute_sets bytea[], digests bytea[], offsets int[], sizes int[], tag_event int[], tag_names text[], tag_types
      text[],
  expect_stream text[], expect_kind int[], expect_at bigint[], after bigint, whole boolean,
  type_from int[], type_to int[], tag_from int[], tag_to int[], item_stream text[], query_types text[], query_tags
      text[],
  OUT outcome int, OUT head bigint, OUT part int, OUT actual bigint, OUT known_no int[], OUT known_at bigint[],
  OUT known_offset int[], OUT known_size int[], OUT known_digest bytea[])
LANGUAGE plpgsql VOLATILE AS $must$
DECLARE
  needed int;
  recorded bigint;
  versions bigint[];
  latest bigint;
BEGIN
  {enter}
  outcome := 1;
  IF cardinality(ids) = 1 THEN
    SELECT ARRAY[1], ARRAY[e.position], ARRAY[e.append_offset], ARRAY[e.append_size], ARRAY[e.digest]
      INTO known_no, known_at, known_offset, known_size, known_digest
      FROM {s}.event e WHERE e.source = sources[1] AND e.id = ids[1];
  ELSE
    SELECT array_agg(u.n), array_agg(e.position), array_agg(e.append_offset), array_agg(e.append_size),
        array_agg(e.digest)
      INTO known_no, known_at, known_offset, known_size, known_digest
      FROM unnest(ids, sources) WITH ORDINALITY AS u(id, source, n)
      JOIN {s}.event e ON e.source = u.source AND e.id = u.id;
  END IF;
  IF known_no IS NOT NULL THEN
    RETURN;
  END IF;
  outcome := 3;
  FOR i IN 1 .. cardinality(expect_stream) LOOP
    part := i;
    IF expect_kind[i] = 4 AND NOT EXISTS (SELECT FROM {s}.event e WHERE e.position = expect_at[i]
        AND e.id = expect_stream[i] AND e.source = expect_stream[i + 1]) THEN
      RETURN;
    END IF;
  END LOOP;
  outcome := 2;
  IF after > head THEN
    RETURN;
  END IF;
  outcome := 3;
  FOR i IN 1 .. cardinality(expect_stream) LOOP
    part := i;
    CONTINUE WHEN expect_kind[i] > 3;
    actual := coalesce((SELECT e.version FROM {s}.event e WHERE e.stream = expect_stream[i] ORDER BY e.version DESC
        LIMIT 1), 0);
    IF NOT (CASE expect_kind[i] WHEN 0 THEN true WHEN 1 THEN actual = 0 WHEN 2 THEN actual > 0 ELSE actual =
        expect_at[i] END) THEN
      RETURN;
    END IF;
  END LOOP;
  outcome := 4;
  IF whole AND head > after THEN
    actual := head;
    RETURN;
  END IF;
  actual := NULL;
  FOR i IN 1 .. cardinality(type_from) LOOP
    latest := {s}.last_match(after, query_types[type_from[i]:type_to[i]], query_tags[tag_from[i]:tag_to[i]],
        item_stream[i]);
    actual := greatest(actual, latest);
  END LOOP;
  IF actual IS NOT NULL THEN
    RETURN;
  END IF;
  IF cardinality(names) = 1 THEN
    versions := ARRAY[coalesce((SELECT e.version FROM {s}.event e WHERE e.stream = names[1] ORDER BY e.version DESC
        LIMIT 1), 0)];
  ELSE
    versions := ARRAY(SELECT coalesce((SELECT e.version FROM {s}.event e WHERE e.stream = s.name ORDER BY e.version
        DESC LIMIT 1), 0)
                      FROM unnest(names) WITH ORDINALITY AS s(name, n) ORDER BY s.n);
  END IF;
  recorded := greatest(now, recorded);
  {insert}
  outcome := 0;
END $must$;
)sql";

// Puts a cell, if its revision is the expected one or this very put was done before.
inline constexpr std::string_view pg_put_cell = R"sql(
CREATE FUNCTION {s}.put_cell(name text, expected bigint, content bytea, token bytea, OUT done boolean, OUT present
    bigint)
LANGUAGE plpgsql VOLATILE AS $must$
DECLARE
  owner bytea;
BEGIN
  IF expected = 0 THEN
    INSERT INTO {s}.cell (key, revision, bytes, put_by) VALUES (name, 1, content, token) ON CONFLICT (key) DO NOTHING;
  ELSE
    UPDATE {s}.cell SET revision = revision + 1, bytes = content, put_by = token WHERE key = name AND revision =
        expected;
  END IF;
  done := FOUND;
  IF NOT done THEN
    SELECT revision, put_by INTO present, owner FROM {s}.cell WHERE key = name;
    done := coalesce(present = expected + 1 AND owner = token, false);
  END IF;
END $must$;
)sql";

// The functions alone, in the place of those that are there.
inline std::string pg_functions_sql(std::string_view schema) {
  std::string all;
  for (const auto part : {pg_last_match, pg_put_events, pg_look, pg_append, pg_put_cell}) all += part;
  all = pg_with(std::move(all), "CREATE FUNCTION", "CREATE OR REPLACE FUNCTION");
  return pg_in_schema(pg_with(pg_with(std::move(all), "{enter}", pg_enter), "{insert}", pg_insert), schema);
}

inline std::string pg_schema_sql(std::string_view schema) {
  return pg_in_schema(std::string(pg_tables), schema) + pg_functions_sql(schema) +
         pg_in_schema("INSERT INTO {s}.store (schema_version, min_reader, min_writer) VALUES (1, 1, 1);\n", schema);
}

}  // namespace must::detail::postgres

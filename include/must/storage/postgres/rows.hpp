// SPDX-License-Identifier: MIT
// Rows of pg_select as records.
#pragma once

#include "must/record.hpp"
#include "must/storage/kit/row.hpp"
#include "must/storage/postgres/connection.hpp"

#include <cstdint>
#include <string>
#include <utility>

namespace must::detail::postgres {

namespace pg_column {
enum : int {
  position,
  stream,
  version,
  type,
  id,
  source,
  time,
  recorded_at,
  content_type,
  state,
  tags,
  attributes,
  data
};
}

// Returns whether a column of the row was too large for the page.
inline bool is_cut(const pg_result& rows, int row) {
  return rows.is_null(row, pg_column::data) || rows.is_null(row, pg_column::tags) ||
         rows.is_null(row, pg_column::attributes);
}

// Reads a row into `to`, whose memory is used again.
inline void read_row(const pg_result& rows, int row, recorded<payload>& to) {
  namespace column = pg_column;
  to.position = rows.number(row, column::position);
  to.version = must::version(rows.number(row, column::version));
  to.recorded_at = kit::plain_time(rows.integer<std::int64_t>(row, column::recorded_at));
  to.id = rows.text(row, column::id);
  to.source = rows.text(row, column::source);
  to.type = rows.text(row, column::type);
  to.subject = rows.text(row, column::stream);
  to.time.reset();
  if (!rows.is_null(row, column::time)) to.time = kit::plain_time(rows.integer<std::int64_t>(row, column::time));
  to.dataschema.clear();
  to.extensions.clear();
  kit::unpack_tags(rows.text(row, column::tags), to.tags);
  auto erased = kit::unpack_attributes(rows.text(row, column::attributes), to);
  kit::unpack_payload(rows.integer<std::int16_t>(row, column::state), rows.text(row, column::content_type),
                      rows.text(row, column::data), std::move(erased), to.data);
}
inline recorded<payload> record_of(const pg_result& rows, int row) {
  recorded<payload> made;
  read_row(rows, row, made);
  return made;
}

}  // namespace must::detail::postgres

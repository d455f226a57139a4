// SPDX-License-Identifier: MIT
// Rows of pg_select as records.
#pragma once

#include "must/detail/event_row.hpp"
#include "must/storage/postgres/connection.hpp"
#include "must/storage/postgres/select.hpp"

#include <cstdint>
#include <string>
#include <utility>

namespace must::detail {

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
  data_size,
  tags,
  attributes,
  data
};
}

// Whether a column of the row was too large for the page.
inline bool is_cut(const pg_result& rows, int row) {
  return rows.is_null(row, pg_column::data) || rows.is_null(row, pg_column::tags) ||
         rows.is_null(row, pg_column::attributes);
}

inline recorded<payload> record_of(const pg_result& rows, int row) {
  namespace column = pg_column;
  const auto text = [&](int which) { return std::string(rows.text(row, which)); };
  recorded<payload> made;
  made.position = rows.number(row, column::position);
  made.version = rows.number(row, column::version);
  made.recorded_at = plain_time(rows.integer<std::int64_t>(row, column::recorded_at));
  made.id = text(column::id);
  made.source = text(column::source);
  made.type = text(column::type);
  made.subject = text(column::stream);
  if (!rows.is_null(row, column::time)) made.time = plain_time(rows.integer<std::int64_t>(row, column::time));
  made.tags = unpack_tags(rows.text(row, column::tags));
  auto erased = unpack_attributes(rows.text(row, column::attributes), made);
  made.data = unpack_payload(rows.integer<std::int16_t>(row, column::state), rows.text(row, column::content_type),
                             rows.text(row, column::data), std::move(erased));
  return made;
}

}  // namespace must::detail

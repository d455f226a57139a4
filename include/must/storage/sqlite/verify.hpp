// SPDX-License-Identifier: MIT
// Looks for damage in a whole SQLite store: what SQLite itself sees, and then every event and its tags.
#pragma once

#include "must/detail/siphash.hpp"
#include "must/record.hpp"
#include "must/storage/kit/read_window.hpp"
#include "must/storage/sqlite/connection.hpp"
#include "must/storage/sqlite/error.hpp"
#include "must/storage/sqlite/pages.hpp"
#include "must/storage/sqlite/recent.hpp"
#include "must/storage/sqlite/rows.hpp"
#include "must/storage/sqlite/snapshot.hpp"
#include "must/storage/sqlite/statement.hpp"
#include "must/text/quoted.hpp"

#include <sqlite3.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace must::detail::sqlite {

inline void check_tags(sqlite_connection& on, const recorded<payload>& one) {
  sqlite_statement look(on.context(), "SELECT type FROM must_tag WHERE tag = ?1 AND position = ?2");
  for (const auto& tag : one.tags) {
    if (!look.text(1, tag).bind(2, one.position).step() || look.bytes(0) != one.type)
      raise_damaged(on.context(), one.position, "its tag " + text::in_quotes(tag) + " is not in the index");
    look.reset();
  }
}

inline void verify(sqlite_connection& on, sqlite_recent& recent, const siphash_key& key) {
  const sqlite_snapshot now(on, recent);
  const auto& seen = now.moment().seen;
  const auto damaged = [&](const std::string& what) {
    raise_sqlite(SQLITE_CORRUPT, on.context().operation, on.context().path, what);
  };
  sqlite_statement whole(on.context(), "PRAGMA integrity_check(1)");
  if (!whole.step()) damaged("integrity_check says nothing");
  if (whole.bytes(0) != "ok") damaged(std::string(whole.bytes(0)));
  sqlite_statement size(on.context(), "SELECT count(*), ifnull(max(position), 0) FROM must_tag");
  if (!size.step()) damaged("its index of tags has no size");
  if (size.count(1) > seen.indexed)
    damaged("its index of tags has position " + std::to_string(size.count(1)) + ", and ends at " +
            std::to_string(seen.indexed));
  kit::read_bounds window{.low = 1, .high = seen.head};
  std::uint64_t tags = 0;
  sqlite_page page;
  for (bool more = !window.empty(); more; window.low += page.rows().size()) {
    page.start(128, std::size_t{1} << 20U);
    more = fill_from_all(on, window, page);
    for (const auto& one : page.rows()) {
      check_seal(on, key, one);
      if (one.position > seen.indexed) continue;
      check_tags(on, one);
      tags += one.tags.size();
    }
  }
  if (tags != size.count(0))
    damaged("its index of tags has " + std::to_string(size.count(0)) + " rows, not " + std::to_string(tags));
}

}  // namespace must::detail::sqlite

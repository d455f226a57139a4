// SPDX-License-Identifier: MIT
// What a transaction sees of a SQLite file.
#pragma once

#include "must/fwd.hpp"
#include "must/storage/kit/read_window.hpp"
#include "must/storage/kit/schema_versions.hpp"
#include "must/storage/sqlite/connection.hpp"
#include "must/storage/sqlite/recent.hpp"
#include "must/storage/sqlite/sql.hpp"
#include "must/storage/sqlite/statement.hpp"

#include <sqlite3.h>

#include <vector>

namespace must::detail::sqlite {

// The events up to a head, and those that the transaction has added itself.
struct sqlite_moment {
  sqlite_connection& on;
  sqlite_recent& recent;
  sqlite_recent::view seen{};
  sqlite_staged* staged = nullptr;

  // Returns the positions with a tag that are not in the index yet, in order.
  [[nodiscard]] std::vector<position> unindexed(const sqlite_tag_search& wanted) const {
    std::vector<position> found;
    recent.find(on, seen, wanted, found);
    if (staged != nullptr) staged->find(wanted, found);
    return found;
  }
};

// The snapshot of a reader. Whatever its connection reads while this lives is as of one moment.
class sqlite_snapshot {
 public:
  sqlite_snapshot(sqlite_connection& on, sqlite_recent& recent) : row_(on, sql::head), moment_{on, recent} {
    if (!row_->step()) on.fail(SQLITE_CORRUPT);
    check_usable(on.context(), kit::schema_use::read, row_->integer(1));
    moment_.seen = {row_->count(0), row_->count(2), row_->count(3)};
    check_indexed(on.context(), moment_.seen);
  }
  [[nodiscard]] const sqlite_moment& moment() const noexcept { return moment_; }
  [[nodiscard]] position head() const noexcept { return moment_.seen.head; }
  // Tells a window that begins at this head the event there.
  void tell_last(kit::read_window& window) { window.note_last(row_->bytes(4), row_->bytes(5)); }

 private:
  sqlite_connection::lease row_;  // A transaction lives until its statements are reset.
  sqlite_moment moment_;
};

}  // namespace must::detail::sqlite

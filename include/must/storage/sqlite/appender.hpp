// SPDX-License-Identifier: MIT
// The appends of a SQLite store: threads take turns and share commits, and after a commit the log may be checkpointed.
#pragma once

#include "must/detail/current_error.hpp"
#include "must/error.hpp"
#include "must/origin.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/result.hpp"
#include "must/storage/kit/shared_commit.hpp"
#include "must/storage/kit/wake_up.hpp"
#include "must/storage/sqlite/append.hpp"
#include "must/storage/sqlite/connection.hpp"
#include "must/storage/sqlite/error.hpp"
#include "must/storage/sqlite/file.hpp"
#include "must/storage/sqlite/health.hpp"

#include <sqlite3.h>

#include <cstddef>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace must::detail::sqlite {

class sqlite_appender {
 public:
  using results = std::vector<result<append_result>>;

  // The file, the origin and the wake-up outlive this.
  sqlite_appender(sqlite_file& file, const must::origin& origin, kit::wake_up& wake_up)
      : file_(file),
        origin_(origin),
        wake_up_(wake_up),
        commits_(file.turns(), {.events = 10'000, .bytes = std::size_t{1} << 24U}) {}

  // Appends in a commit that other threads may share.
  append_result append(sqlite_pending& mine) {
    file_.check_outside("append");
    return commits_.append(
        mine, [&mine] { return kit::size_of_append<payload>(mine.events); },
        [this](sqlite_pending& one) {
          const writer on(file_, "append", writer::in_turn{});
          return alone(*on, one, [](auto&) {});
        },
        [this](std::span<sqlite_pending* const> all) { return shared(all); });
  }
  // Appends and calls `work(connection)` in the same transaction, which is shared with nobody.
  template <typename Work>
  append_result append_with(const sqlite_pending& mine, Work&& work) {
    const writer on(file_, "append");
    return alone(*on, mine, work);
  }
  // Appends all in one transaction, which stores nothing when it fails.
  results append_batch(std::span<sqlite_pending* const> all) {
    const writer on(file_, "append");
    return together(*on, all);
  }
  // Commits a transaction, tells those that wait, and checkpoints when it is time.
  void commit(sqlite_write& within) {
    within.commit({.events = file_.options().unindexed_events});
    wake_up_.publish(within.head);
    auto& on = within.connection();
    if (on.has_logged(file_.options().checkpoint_pages)) checkpoint(on);
  }
  // Returns the state of the log. What was pinned is tried again, so that nobody is told of a reader that has ended.
  sqlite_health health() {
    const bool was_pinned = known_health().pinned_since.has_value();
    if (was_pinned) {
      const writer on(file_, "health");
      checkpoint(*on);
    }
    auto now = known_health();
    now.log_bytes = file_.log_bytes();
    return now;
  }

 private:
  using writer = sqlite_file::writer;

  template <typename Work>
  append_result alone(sqlite_connection& on, const sqlite_pending& mine, Work&& work) {
    for (bool look_first = false;; look_first = true) {
      sqlite_write within(on, file_.recent(), file_.waiting());
      sqlite_append one(within, mine);
      const auto done = one.run(*origin_.clock, look_first);
      if (!done) continue;
      if (one.has_written()) {
        work(on);
        commit(within);
      }
      return *done;
    }
  }
  results together(sqlite_connection& on, std::span<sqlite_pending* const> all) {
    results done;
    done.reserve(all.size());
    sqlite_write within(on, file_.recent(), file_.waiting());
    const auto before = within.head;
    for (const auto* one : all) done.push_back(item(within, *one));
    if (within.head != before) commit(within);
    return done;
  }
  // An item that is refused has written nothing: of several events the ids are looked up first, and one that is alone
  // is refused as a whole. What ends an item half way, such as a lack of memory, passes: it ends the transaction, which
  // takes everything back.
  result<append_result> item(sqlite_write& within, const sqlite_pending& mine) {
    try {
      for (bool look_first = mine.events.size() > 1;; look_first = true) {
        sqlite_append one(within, mine);
        if (const auto done = one.run(*origin_.clock, look_first)) return *done;
      }
    } catch (const storage_error&) {
      throw;
    } catch (const exception& why) {
      return unexpected<error>(why.error());
    }
  }
  // Appends for several threads. When that fails as a whole, each is tried by itself, since the append of one that
  // SQLite does not take is no error of the others. A file that another process holds is held for all of them.
  results shared(std::span<sqlite_pending* const> all) {
    const writer on(file_, "append", writer::in_turn{});
    try {
      return together(*on, all);
    } catch (const storage_error& why) {
      if (why.error().retryable) throw;
      return each(*on, all);
    } catch (...) {
      return each(*on, all);
    }
  }
  results each(sqlite_connection& on, std::span<sqlite_pending* const> all) {
    results done;
    done.reserve(all.size());
    for (const auto* one : all) {
      try {
        done.push_back(alone(on, *one, [](auto&) {}));
      } catch (...) {
        done.push_back(unexpected<error>(current_error("append")));
      }
    }
    return done;
  }

  // What fails is no error of the append, which is committed. When another connection is in the way, nothing is
  // learned.
  void checkpoint(sqlite_connection& on) {
    std::optional<error> failure;
    sqlite_connection::checkpointed done;
    try {
      done = file_.checkpoint(on);
      if ((done.code & 0xFF) == SQLITE_BUSY) return;
      if (done.code != SQLITE_OK)
        raise_sqlite(done.code, "checkpoint", file_.options().path, ::sqlite3_errstr(done.code));
    } catch (...) {
      failure = current_error("checkpoint");
    }
    const auto now = origin_.clock->now();
    const std::lock_guard lock(health_mutex_);
    health_.checkpoint_failure = std::move(failure);
    if (health_.checkpoint_failure) return;
    health_.pinned_pages = done.left;
    if (done.left == 0)
      health_.pinned_since.reset();
    else if (!health_.pinned_since)
      health_.pinned_since = now;
  }
  [[nodiscard]] sqlite_health known_health() const {
    const std::lock_guard lock(health_mutex_);
    return health_;
  }

  sqlite_file& file_;
  const must::origin& origin_;
  kit::wake_up& wake_up_;
  kit::shared_commit<sqlite_pending> commits_;
  mutable std::mutex health_mutex_{};
  sqlite_health health_{};
};

}  // namespace must::detail::sqlite

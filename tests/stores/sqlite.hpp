// SPDX-License-Identifier: MIT
// sqlite_store for the list of stores, and what its tests share: events, and SQLite's own view of a file.
#pragma once

#include "must/must.hpp"
#include "must/storage/sqlite.hpp"
#include "must/testing/storage_suite.hpp"

#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/ensure.hpp"
#include "support/error_of.hpp"
#include "support/temporary_folder.hpp"

#include <sqlite3.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace must_test {

// The tags of every third event are written into the index, with those of the two before, unless told otherwise.
inline must::sqlite_options on(const std::string& path, std::uint64_t unindexed_events = 3) {
  return {.path = path, .durability = must::sqlite_durability::normal, .unindexed_events = unindexed_events};
}

inline must::cloud_event event(std::string id, std::string stream = "s", must::tag_set tags = {"t"}) {
  must::cloud_event made{.id = std::move(id), .source = "/test", .type = "Noted", .subject = std::move(stream)};
  made.tags = std::move(tags);
  made.data = must::payload("text/plain", "n");
  return made;
}
inline must::append_result append(must::sqlite_store& store, must::cloud_event one,
                                  const must::append_condition& condition = {}) {
  return store.append(std::span(&one, 1), condition);
}
inline std::string new_id() { return must::uuid7_ids::instance().next(must::system_clock::instance().now()); }

inline std::size_t count(must::sqlite_store& store, const must::query& which) {
  std::size_t counted = 0;
  static_cast<void>(store.read(which, {}, [&](const auto&) { ++counted; }));
  return counted;
}

inline std::vector<must::position> positions(must::sqlite_store& store, const must::query& which,
                                             const must::read_options& options = {}) {
  std::vector<must::position> found;
  static_cast<void>(store.read(which, options, [&](const auto& one) { found.push_back(one.position); }));
  return found;
}

inline void execute(const std::string& path, const std::string& sql) {
  ::sqlite3* handle = nullptr;
  ensure(::sqlite3_open(path.c_str(), &handle) == SQLITE_OK, "open " + path);
  const auto code = ::sqlite3_exec(handle, sql.c_str(), nullptr, nullptr, nullptr);
  ::sqlite3_close(handle);
  ensure(code == SQLITE_OK, sql);
}
// As SQLite's ".restore" does: over the file that is open.
inline void copy_into(const std::string& path, const std::string& from) {
  ::sqlite3 *to = nullptr, *source = nullptr;
  ensure(::sqlite3_open(path.c_str(), &to) == SQLITE_OK, "open " + path);
  ensure(::sqlite3_open(from.c_str(), &source) == SQLITE_OK, "open " + from);
  ::sqlite3_busy_timeout(to, 10'000);
  auto* const copy = ::sqlite3_backup_init(to, "main", source, "main");
  ensure(copy != nullptr, "copy " + from + " into " + path);
  int code = SQLITE_BUSY;
  while (code == SQLITE_BUSY || code == SQLITE_LOCKED) code = ::sqlite3_backup_step(copy, -1);
  const auto finished = ::sqlite3_backup_finish(copy);
  ::sqlite3_close(source);
  ::sqlite3_close(to);
  ensure(code == SQLITE_DONE && finished == SQLITE_OK, "copy " + from + " into " + path);
}
// The texts that a statement gives in one column.
inline std::vector<std::string> texts(::sqlite3* handle, const std::string& sql, int column = 0) {
  ::sqlite3_stmt* statement = nullptr;
  ensure(::sqlite3_prepare_v2(handle, sql.c_str(), -1, &statement, nullptr) == SQLITE_OK, sql);
  std::vector<std::string> found;
  while (::sqlite3_step(statement) == SQLITE_ROW)
    found.emplace_back(reinterpret_cast<const char*>(::sqlite3_column_text(statement, column)));
  ::sqlite3_finalize(statement);
  return found;
}
inline std::vector<std::string> texts(const std::string& path, const std::string& sql, int column = 0) {
  ::sqlite3* handle = nullptr;
  ensure(::sqlite3_open(path.c_str(), &handle) == SQLITE_OK, "open " + path);
  auto found = texts(handle, sql, column);
  ::sqlite3_close(handle);
  return found;
}

// The storage_error that a call throws.
template <typename Call>
must::error failure_of(Call&& call) {
  return error_of<must::storage_error>(call);
}

// Runs statements in an open transaction.
inline void execute(must::sqlite_transaction& in, const std::string& sql) {
  if (::sqlite3_exec(in.handle, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
    throw std::logic_error(::sqlite3_errmsg(in.handle));
}

// A store in a file of its own. The tags of some events are in the index, those of the newest wait for it; of the other
// store more wait.
struct sqlite_fixture {
  static std::string name() { return "sqlite_store"; }
  static std::string tags() { return "[sqlite]"; }
  static constexpr must::testing::capabilities capabilities{
      .cells = true, .batches = true, .waiting = true, .transactions = true, .shared = true, .durable = true};
  static bool is_available() { return true; }

  [[nodiscard]] must::sqlite_store open() const { return must::sqlite_store(on(folder.file())); }
  must::sqlite_store& store() {
    if (!store_) reopen();
    return *store_;
  }
  must::sqlite_store& other() {
    if (!other_) other_.emplace(on(folder.file(), 20));
    return *other_;
  }
  void reopen() { store_.emplace(on(folder.file())); }
  void close() {
    store_.reset();
    other_.reset();
  }

  static bool has_copies() { return true; }
  void save() { store().backup(folder.file("saved")); }
  void put_back() const { copy_into(folder.file(), folder.file("saved")); }

  // How often each thing was counted, by a table.
  class counts {
   public:
    template <typename Place>
    explicit counts(const Place& of) : path_(of.folder.file()) {
      execute(path_, "CREATE TABLE counted(what TEXT PRIMARY KEY, times INTEGER)");
    }
    void add(must::sqlite_transaction& in, const std::string& what) const {
      execute(in, "INSERT INTO counted VALUES('" + what + "', 1) ON CONFLICT(what) DO UPDATE SET times = times + 1");
    }
    [[nodiscard]] std::map<std::string, int> all() const {
      const auto things = texts(path_, "SELECT what FROM counted ORDER BY what");
      const auto times = texts(path_, "SELECT times FROM counted ORDER BY what");
      std::map<std::string, int> found;
      for (std::size_t i = 0; i < things.size(); ++i) found[things[i]] = std::stoi(times[i]);
      return found;
    }

   private:
    std::string path_;
  };

  temporary_folder folder{};

 private:
  std::optional<must::sqlite_store> store_{}, other_{};
};

inline void check_sound(const std::string& path) {
  CHECK(texts(path, "PRAGMA integrity_check") == std::vector<std::string>{"ok"});
  CHECK(texts(path, "SELECT count(*) = ifnull(max(position), 0) FROM must_event") == std::vector<std::string>{"1"});
  CHECK(texts(path,
              "SELECT stream FROM must_event WHERE stream IS NOT NULL GROUP BY stream "
              "HAVING count(*) <> max(version)")
            .empty());
  CHECK(texts(path, "SELECT count(*) FROM must_tag, must_store WHERE position > indexed") ==
        std::vector<std::string>{"0"});
  CHECK(texts(path,
              "SELECT count(*) FROM must_event, must_store WHERE position <= indexed AND tags IS NOT NULL "
              "AND position NOT IN (SELECT position FROM must_tag)") == std::vector<std::string>{"0"});
}

}  // namespace must_test

// SPDX-License-Identifier: MIT
// What the tests of sqlite_store share: temporary files, events, SQLite's own view of a file, other processes.
#pragma once

#include "must/must.hpp"
#include "must/storage/sqlite.hpp"

#include "support/catch.hpp"
#include "support/child_process.hpp"

#include <sqlite3.h>

#include <unistd.h>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace must_test {

// A folder that is gone with the object.
struct temporary_folder {
  temporary_folder() {
    auto pattern = (std::filesystem::temp_directory_path() / "must-sqlite-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path = pattern;
  }
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;
  ~temporary_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  [[nodiscard]] std::string file(const char* name = "events.db") const { return path + "/" + name; }
  std::string path;
};

// The tags of every third event are written into the index, with those of the two before, unless told otherwise.
inline must::sqlite_options on(const std::string& path, std::uint64_t unindexed_events = 3) {
  return {.path = path, .durability = must::sqlite_durability::normal, .unindexed_events = unindexed_events};
}

// A store in a file of its own.
struct stored_in_file {
  must::sqlite_store& store() { return store_; }
  temporary_folder folder_{};
  must::sqlite_store store_{on(folder_.file())};
};

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
  REQUIRE(::sqlite3_open(path.c_str(), &handle) == SQLITE_OK);
  CHECK(::sqlite3_exec(handle, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
  ::sqlite3_close(handle);
}
// The texts that a statement gives in one column.
inline std::vector<std::string> texts(::sqlite3* handle, const std::string& sql, int column = 0) {
  ::sqlite3_stmt* statement = nullptr;
  REQUIRE(::sqlite3_prepare_v2(handle, sql.c_str(), -1, &statement, nullptr) == SQLITE_OK);
  std::vector<std::string> found;
  while (::sqlite3_step(statement) == SQLITE_ROW)
    found.emplace_back(reinterpret_cast<const char*>(::sqlite3_column_text(statement, column)));
  ::sqlite3_finalize(statement);
  return found;
}
inline std::vector<std::string> texts(const std::string& path, const std::string& sql, int column = 0) {
  ::sqlite3* handle = nullptr;
  REQUIRE(::sqlite3_open(path.c_str(), &handle) == SQLITE_OK);
  auto found = texts(handle, sql, column);
  ::sqlite3_close(handle);
  return found;
}

// The storage_error that a call throws.
inline must::error failure_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const must::storage_error& thrown) {
    return thrown.error();
  }
  FAIL("no storage_error was thrown");
  return {};
}

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

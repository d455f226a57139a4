// SPDX-License-Identifier: MIT
// sqlite_store: what its health says of a log that grows, since a stranger reads what is old.
#include "must/storage/sqlite.hpp"

#include "must/must.hpp"

#include "stores/sqlite.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <sqlite3.h>

#include <cstddef>
#include <string>

using namespace must_test;

namespace {

// A program that reads the file and does not end its transaction.
class foreign_reader {
 public:
  explicit foreign_reader(const std::string& path) {
    REQUIRE(::sqlite3_open(path.c_str(), &handle_) == SQLITE_OK);
    REQUIRE(::sqlite3_exec(handle_, "BEGIN; SELECT count(*) FROM must_event", nullptr, nullptr, nullptr) == SQLITE_OK);
  }
  foreign_reader(const foreign_reader&) = delete;
  foreign_reader& operator=(const foreign_reader&) = delete;
  ~foreign_reader() { ::sqlite3_close(handle_); }

 private:
  ::sqlite3* handle_ = nullptr;
};

must::sqlite_options small_log(const std::string& path) {
  auto options = on(path);
  options.checkpoint_pages = 20;
  return options;
}
void append_many(must::sqlite_store& store, int count) {
  for (int i = 0; i < count; ++i) append(store, event(new_id())).value();
}

}  // namespace

TEST_CASE("sqlite_store: health says that a reader pins the log, and since when, until the reader ends", "[sqlite]") {
  const temporary_folder folder;
  must::sqlite_store store(small_log(folder.file()));
  append_many(store, 100);
  const auto sound = store.health();
  CHECK(sound.log_bytes > 0);
  CHECK(sound.pinned_pages == 0);
  CHECK_FALSE(sound.pinned_since);
  CHECK_FALSE(sound.checkpoint_failure);
  {
    const foreign_reader reader(folder.file());
    const auto before = must::system_clock::instance().now();
    append_many(store, 200);
    const auto pinned = store.health();
    CHECK(pinned.pinned_pages > 100);
    CHECK(pinned.log_bytes > sound.log_bytes);
    REQUIRE(pinned.pinned_since);
    CHECK(*pinned.pinned_since >= before);
    append_many(store, 200);
    const auto later = store.health();
    CHECK(later.pinned_pages > pinned.pinned_pages);
    CHECK(later.log_bytes > pinned.log_bytes);
    CHECK(later.pinned_since == pinned.pinned_since);
    CHECK_FALSE(later.checkpoint_failure);
    CHECK(store.health() == later);
  }
  const auto free = store.health();
  CHECK(free.pinned_pages == 0);
  CHECK_FALSE(free.pinned_since);
  const auto bytes = free.log_bytes;
  append_many(store, 200);
  CHECK(store.health().log_bytes == bytes);  // The log begins anew.
}

TEST_CASE("sqlite_store: a reader of the newest events pins nothing", "[sqlite]") {
  const temporary_folder folder;
  must::sqlite_store store(small_log(folder.file()));
  append_many(store, 100);
  for (int i = 0; i < 20; ++i) {
    const foreign_reader reader(folder.file());
    CHECK(store.health().pinned_pages == 0);
  }
}

TEST_CASE("sqlite_store: a store in memory, and one that is read only, have a health", "[sqlite]") {
  must::sqlite_store in_memory({.mode = must::sqlite_mode::in_memory});
  append(in_memory, event("a")).value();
  CHECK(in_memory.health() == must::sqlite_health{});

  const temporary_folder folder;
  must::sqlite_store store(small_log(folder.file()));
  append_many(store, 100);
  must::sqlite_store reading({.path = folder.file(), .mode = must::sqlite_mode::read_only});
  CHECK(reading.health().log_bytes == store.health().log_bytes);
  CHECK_FALSE(reading.health().pinned_since);
}

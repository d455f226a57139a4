// SPDX-License-Identifier: MIT
// A SQLite file that is moved, removed or replaced while a store has it open.
#include "must/detail/at_exit.hpp"
#include "must/must.hpp"
#include "must/storage/sqlite.hpp"

#include "support/catch.hpp"
#include "support/error_of.hpp"
#include "support/temporary_folder.hpp"

#include <chrono>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace {

bool store_one(must::sqlite_store& to, const std::string& id) {
  must::cloud_event one{.id = id, .source = "/test", .type = "happened"};
  return to.append(std::span(&one, 1), {}).stored();
}
void check_refused(must::sqlite_store& store) {
  const auto check = [](const must::error& why) {
    CHECK(why.code == must::error_code::storage_error);
    CHECK_FALSE(why.retryable);
    CHECK((why.backend_code == "SQLITE_READONLY (1032)" || why.backend_code == "SQLITE_CANTOPEN (14)"));
  };
  check(must_test::error_of([&] { store_one(store, "lost"); }));
  check(must_test::error_of([&] { store.put("key", "lost", 0); }));
  check(must_test::error_of([&] { store.with_transaction([](auto&) {}); }));
  check(must_test::error_of([&] { static_cast<void>(store.head()); }));
  check(must_test::error_of([&] { store.mark_restored(); }));
  check(must_test::error_of([&] { store.wait_for(100, std::chrono::seconds(1)); }));
}

}  // namespace

TEST_CASE("sqlite_store: nothing is written to a file that is not at its path any more", "[sqlite]") {
  const must_test::temporary_folder folder;
  const auto path = folder.file("store"), elsewhere = folder.file("elsewhere");
  must::sqlite_store store({.path = path});
  REQUIRE(store_one(store, "1"));
  SECTION("moved") {
    for (const char* end : {"", "-wal", "-shm"}) std::filesystem::rename(path + end, elsewhere + end);
    check_refused(store);
    CHECK(must::sqlite_store({.path = elsewhere}).head() == 1);
    for (const char* end : {"", "-wal", "-shm"})
      if (std::filesystem::exists(elsewhere + end)) std::filesystem::rename(elsewhere + end, path + end);
    CHECK(store_one(store, "2"));  // It is back.
    CHECK(must::sqlite_store({.path = path}).head() == 2);
  }
  SECTION("removed, and made anew by another store") {
    for (const char* end : {"", "-wal", "-shm"}) std::filesystem::remove(path + end);
    check_refused(store);
    must::sqlite_store another({.path = path});
    CHECK(store_one(another, "3"));
    check_refused(store);
    CHECK(another.head() == 1);
  }
  SECTION("of which the log was removed") {
    std::filesystem::remove(path + "-wal");
    must_test::error_of([&] { store_one(store, "lost"); });
    CHECK(must_test::error_of([&] { store.put("key", "lost", 0); }).backend_code == "SQLITE_READONLY (1032)");
  }
  SECTION("replaced by a backup") {
    store.backup(elsewhere);
    REQUIRE(store_one(store, "2"));
    for (const char* end : {"-wal", "-shm"}) std::filesystem::remove(path + end);
    std::filesystem::rename(elsewhere, path);
    check_refused(store);
    CHECK(must::sqlite_store({.path = path}).head() == 1);
  }
}

TEST_CASE("sqlite_store: a link that is turned to another file changes nothing for who has opened the first",
          "[sqlite]") {
  const must_test::temporary_folder folder;
  const auto link = folder.file("current");
  { must::sqlite_store other({.path = folder.file("v2")}); }
  std::filesystem::create_symlink(folder.file("v1"), link);
  must::sqlite_store store({.path = link});
  REQUIRE(store_one(store, "1"));
  std::filesystem::remove(link);
  std::filesystem::create_symlink(folder.file("v2"), link);
  CHECK(store_one(store, "2"));
  std::vector<must::position> heads;
  const auto note_head = [&](const auto&) { heads.push_back(store.head()); };  // By a connection of its own.
  static_cast<void>(store.read(must::query::all(), {}, note_head));
  CHECK(heads == std::vector<must::position>{2, 2});
}

TEST_CASE("sqlite_store: a program that goes to another folder reads the file that it has opened", "[sqlite]") {
  const must_test::temporary_folder here, there;
  const auto before = std::filesystem::current_path();
  const must::detail::at_exit back([&] { std::filesystem::current_path(before); });
  std::filesystem::current_path(there.path);
  must::sqlite_store another({.path = "store"});
  std::filesystem::current_path(here.path);
  must::sqlite_store store({.path = "store"});
  REQUIRE(store_one(store, "1"));
  std::filesystem::current_path(there.path);
  CHECK(store.head() == 1);
  CHECK(store.find("/test", "1").has_value());
  CHECK(another.head() == 0);
  CHECK(store_one(store, "2"));
  CHECK(store.head() == 2);
}

// SPDX-License-Identifier: MIT
// sqlite_store: who may read a backup, what a backup does not overwrite, and two backups to one path.
#include "must/storage/sqlite.hpp"

#include "must/must.hpp"

#include "stores/sqlite.hpp"
#include "support/catch.hpp"
#include "support/error_of.hpp"
#include "support/temporary_folder.hpp"

#include <sys/stat.h>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

using namespace must_test;

namespace {

unsigned mode_of(const std::string& path) {
  struct ::stat is{};
  REQUIRE(::stat(path.c_str(), &is) == 0);
  return is.st_mode & 0777U;
}
// A mask of the process, put back at the end.
class file_mask {
 public:
  explicit file_mask(::mode_t mask) : before_(::umask(mask)) {}
  file_mask(const file_mask&) = delete;
  file_mask& operator=(const file_mask&) = delete;
  ~file_mask() { ::umask(before_); }

 private:
  ::mode_t before_;
};

}  // namespace

TEST_CASE("sqlite_store: a backup has the permissions of the file that it is made from", "[sqlite]") {
  const temporary_folder folder;
  const file_mask mask(022);
  must::sqlite_store store(on(folder.file()));
  append(store, event("a")).value();
  for (const unsigned mode : {0600U, 0640U, 0666U}) {
    REQUIRE(::chmod(folder.file().c_str(), mode) == 0);
    const auto copy = folder.file(("copy" + std::to_string(mode)).c_str());
    store.backup(copy);
    CHECK(mode_of(copy) == mode);
    CHECK(must::sqlite_store(on(copy)).head() == 1);
  }
}

TEST_CASE("sqlite_store: a backup is never more open than the file, also while it is written", "[sqlite][race]") {
  const temporary_folder folder;
  const file_mask mask(0);
  must::sqlite_store store(on(folder.file()));
  REQUIRE(::chmod(folder.file().c_str(), 0600) == 0);
  auto large = event("a");
  large.data = must::payload("text/plain", std::string(1U << 20U, 'x'));
  append(store, large).value();
  const auto copy = folder.file("copy");
  std::atomic<unsigned> open{0};
  {
    std::jthread looking([&](const std::stop_token& stop) {
      while (!stop.stop_requested())
        for (const char* end : {"", "-journal", "-wal", "-shm"}) {
          struct ::stat is{};
          if (::stat((copy + end).c_str(), &is) == 0) open |= is.st_mode & 0077U;
        }
    });
    for (int i = 0; i < 20; ++i) {
      std::filesystem::remove(copy);
      store.backup(copy);
    }
  }
  CHECK(open == 0);
}

TEST_CASE("sqlite_store: a backup follows no link, and overwrites nothing", "[sqlite]") {
  const temporary_folder folder;
  must::sqlite_store store(on(folder.file()));
  append(store, event("a")).value();
  const auto nowhere = folder.file("nowhere"), dangling = folder.file("dangling");
  std::filesystem::create_symlink(nowhere, dangling);
  CHECK(failure_of([&] { store.backup(dangling); }).message.find("is there already") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(nowhere));
  CHECK(std::filesystem::is_symlink(dangling));

  const auto other = folder.file("other"), link = folder.file("link");
  std::ofstream(other) << "";  // SQLite takes an empty file for a database.
  std::filesystem::create_symlink(other, link);
  CHECK(failure_of([&] { store.backup(link); }).backend_code == "SQLITE_CANTOPEN (14)");
  CHECK(failure_of([&] { store.backup(other); }).backend_code == "SQLITE_CANTOPEN (14)");
  CHECK(std::filesystem::file_size(other) == 0);
  CHECK(failure_of([&] { store.backup(folder.path + "/none/copy"); }).message.find("No such file") !=
        std::string::npos);
}

TEST_CASE("sqlite_store: a backup to a path that is none is refused", "[sqlite]") {
  const temporary_folder folder;
  must::sqlite_store store(on(folder.file()));
  for (const std::string& path : {std::string(), std::string(":memory:"), std::string("a\0b", 3)})
    CHECK(error_of<must::bad_input>([&] { store.backup(path); }).message.find("path") != std::string::npos);
}

TEST_CASE("sqlite_store: of backups to one path at once exactly one is done, and is whole", "[sqlite][race]") {
  const temporary_folder folder;
  must::sqlite_store store(on(folder.file()));
  for (int i = 0; i < 50; ++i) append(store, event(std::to_string(i))).value();
  for (int round = 0; round < 20; ++round) {
    const auto copy = folder.file(("copy" + std::to_string(round)).c_str());
    std::atomic<int> done{0}, refused{0}, begun{0};
    {
      std::vector<std::jthread> running;
      for (int t = 0; t < 4; ++t)
        running.emplace_back([&] {
          for (++begun; begun < 4;) std::this_thread::yield();
          try {
            store.backup(copy);
            ++done;
          } catch (const must::storage_error&) {
            ++refused;
          }
        });
    }
    CHECK(done == 1);
    CHECK(refused == 3);
    CHECK(must::sqlite_store(on(copy)).head() == 50);
    check_sound(copy);
  }
}

// SPDX-License-Identifier: MIT
// directory_objects: conditions, races, names, lists, and what a disk or a killed process can do to it.
#include "must/storage/objects/directory.hpp"
#include "must/storage/objects/folder_list.hpp"

#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/ensure.hpp"
#include "support/error_of.hpp"
#include "support/skip.hpp"
#include "support/stepped_process.hpp"
#include "support/temporary_folder.hpp"

#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace {

using must::object_outcome;
using must_test::ensure;
using must_test::error_of;

must::directory_objects open_in(const must_test::temporary_folder& folder, const std::string& name = "objects") {
  return must::directory_objects({.path = folder.file(name), .durability = must::directory_durability::none});
}
std::vector<std::string> keys_of(const must::object_page& page) {
  std::vector<std::string> keys;
  for (const auto& one : page.objects) keys.push_back(one.key);
  return keys;
}
// Runs `work` in a process that another user has, and returns whether it has thrown nothing.
template <typename Work>
bool holds_as_nobody(Work&& work) {
  const auto child = must_test::start_process([&] {
    if (::getuid() == 0) ensure(::setgid(65'534) == 0 && ::setuid(65'534) == 0, "be nobody");
    work();
  });
  return must_test::wait_for_process(child) == 0;
}
// What a storage says of a put that fails in a process that can throw it away.
void expect_failure(must::directory_objects& objects, const std::string& code) {
  try {
    static_cast<void>(objects.put_if_absent("log/2", std::string(100'000, 'x')));
  } catch (const must::storage_error& why) {
    ensure(why.error().backend_code.str().starts_with(code), "the code of " + why.error().message);
    ensure(why.error().message.starts_with("put_if_absent: the file "), why.error().message);
    return;
  }
  ensure(false, "a failure with " + code);
}

}  // namespace

TEST_CASE("directory_objects: a key is put once, and replaced by who knows its etag", "[storage][durable]") {
  const must_test::temporary_folder folder;
  must::directory_objects objects({.path = folder.file("objects")});
  const auto first = objects.put_if_absent("a/b", "one");
  CHECK(first.outcome == object_outcome::done);
  CHECK(objects.put_if_absent("a/b", "two").outcome == object_outcome::refused);
  CHECK(objects.get("a/b")->bytes == "one");
  CHECK(objects.get("a/b")->etag == first.etag);
  CHECK(objects.put_if_match("a/b", "two", "another").outcome == object_outcome::refused);
  CHECK(objects.put_if_match("a/c", "two", first.etag).outcome == object_outcome::refused);
  CHECK_FALSE(objects.get("a/c"));
  const auto second = objects.put_if_match("a/b", "two", first.etag);
  CHECK(second.outcome == object_outcome::done);
  CHECK(second.etag != first.etag);
  CHECK(objects.put_if_match("a/b", "three", first.etag).outcome == object_outcome::refused);
  CHECK(objects.get("a/b")->bytes == "two");
  objects.remove("a/b");
  objects.remove("a/b");
  CHECK_FALSE(objects.get("a/b"));
  CHECK(objects.put_if_absent("a/b", "").outcome == object_outcome::done);
  CHECK(objects.get("a/b")->size == 0);
}

TEST_CASE("directory_objects: a range is a part of an object, and ends where the object ends", "[storage][durable]") {
  const must_test::temporary_folder folder;
  auto objects = open_in(folder);
  static_cast<void>(objects.put_if_absent("a", "0123456789"));
  CHECK(objects.get("a", {2, 3})->bytes == "234");
  CHECK(objects.get("a", {8, 3})->bytes == "89");
  CHECK(objects.get("a", {10, 3})->bytes.empty());
  CHECK(objects.get("a", {1'000, UINT64_MAX})->bytes.empty());
  CHECK(objects.get("a", {0, 0})->bytes.empty());
  CHECK(objects.get("a", {5})->bytes == "56789");
  CHECK(objects.get("a", {2, 3})->size == 10);
}

TEST_CASE("directory_objects: a list has the keys below a prefix, in order, whatever folders they are in",
          "[storage][durable]") {
  const must_test::temporary_folder folder;
  auto objects = open_in(folder);
  for (const auto* const key : {"log/2", "log/10", "log-1", "log/sub/1", "seg/1", "log/1"})
    static_cast<void>(objects.put_if_absent(key, "12345"));
  const auto all = std::vector<std::string>{"log-1", "log/1", "log/10", "log/2", "log/sub/1", "seg/1"};
  CHECK(keys_of(objects.list("", "")) == all);
  CHECK(keys_of(objects.list("log/", "")) == std::vector<std::string>{"log/1", "log/10", "log/2", "log/sub/1"});
  CHECK(keys_of(objects.list("log/", "log/10")) == std::vector<std::string>{"log/2", "log/sub/1"});
  CHECK(keys_of(objects.list("log/1", "")) == std::vector<std::string>{"log/1", "log/10"});
  CHECK(keys_of(objects.list("log", "log/sub/0")) == std::vector<std::string>{"log/sub/1"});
  CHECK(keys_of(objects.list("none/", "")).empty());
  CHECK(objects.list("seg/", "").objects.at(0).size == 5);
}

TEST_CASE("directory_objects: a list comes in pages", "[storage][durable]") {
  const must_test::temporary_folder folder;
  auto objects = open_in(folder);
  std::vector<std::string> keys;
  for (int i = 10; i < 30; ++i) {
    keys.push_back("log/" + std::to_string(i));
    static_cast<void>(objects.put_if_absent(keys.back(), "x"));
  }
  std::vector<std::string> listed;
  for (bool goes_on = true; goes_on;) {
    const auto after = listed.empty() ? std::string() : listed.back();
    const auto page = must::detail::objects::folder_list(folder.file("objects"), "log/", after, 7).page();
    CHECK(page.objects.size() <= 7);
    CHECK(page.complete == (listed.size() + page.objects.size() == keys.size()));
    for (const auto& key : keys_of(page)) listed.push_back(key);
    goes_on = !page.complete;
  }
  CHECK(listed == keys);
}

TEST_CASE("directory_objects: a key that no file can have is refused with the key", "[storage][durable]") {
  const must_test::temporary_folder folder;
  auto objects = open_in(folder);
  using namespace std::string_literals;
  for (const auto& key : {""s, "/a"s, "a//b"s, "a/"s, ".."s, "../a"s, "a/.b"s, std::string(256, 'a'), "a\0b"s}) {
    INFO(key);
    const auto why = error_of<must::bad_input>([&] { static_cast<void>(objects.put_if_absent(key, "")); });
    CHECK(why.field == "key");
    CHECK(why.message.find(key.c_str()) != std::string::npos);
    CHECK_THROWS_AS(objects.get(key), must::bad_input);
    CHECK_THROWS_AS(objects.remove(key), must::bad_input);
  }
  CHECK(objects.put_if_absent(std::string(255, 'a'), "").outcome == object_outcome::done);
  CHECK_THROWS_AS(must::directory_objects({.path = ""}), must::bad_input);
}

TEST_CASE("directory_objects: what is in the way is named, with what the system says", "[storage][durable]") {
  const must_test::temporary_folder folder;
  std::ofstream(folder.file("file")) << "text";
  auto why = error_of<must::storage_error>([&] { static_cast<void>(open_in(folder, "file")); });
  CHECK(why.message == "open: the file \"" + folder.file("file") + "\": is in the way: Not a directory");
  CHECK(why.backend_code == "ENOTDIR (20)");
  why = error_of<must::storage_error>([&] { static_cast<void>(open_in(folder, "none/objects")); });
  CHECK(why.backend_code == "ENOENT (2)");
  auto objects = open_in(folder);
  std::ofstream(folder.file("objects/log")) << "text";
  why = error_of<must::storage_error>([&] { static_cast<void>(objects.put_if_absent("log/1", "")); });
  CHECK(why.message.find(folder.file("objects/log")) != std::string::npos);
  CHECK(why.backend_code == "ENOTDIR (20)");
  CHECK_THROWS_AS(objects.get("log/1"), must::storage_error);
  CHECK_THROWS_AS(objects.list("log/", ""), must::storage_error);
  std::filesystem::create_directory(folder.file("objects/folder"));
  CHECK_THROWS_AS(objects.get("folder"), must::storage_error);
  CHECK(objects.put_if_absent("other/1", "").outcome == object_outcome::done);
}

TEST_CASE("directory_objects: a directory that is gone is an error, and not an empty one", "[storage][durable]") {
  const must_test::temporary_folder folder;
  auto objects = open_in(folder);
  static_cast<void>(objects.put_if_absent("log/1", ""));
  std::filesystem::rename(folder.file("objects"), folder.file("elsewhere"));
  CHECK_THROWS_AS(objects.get("log/1"), must::storage_error);
  CHECK_THROWS_AS(objects.list("log/", ""), must::storage_error);
  CHECK_THROWS_AS(objects.put_if_absent("log/2", ""), must::storage_error);
  std::filesystem::rename(folder.file("elsewhere"), folder.file("objects"));
  CHECK(objects.put_if_absent("log/2", "").outcome == object_outcome::done);
}

TEST_CASE("directory_objects: Z4 a disk that is full or read only, and a file that is not ours, store nothing",
          "[storage][durable][process]") {
  const must_test::temporary_folder folder;
  std::filesystem::permissions(folder.path, std::filesystem::perms::all);
  auto objects = open_in(folder);
  static_cast<void>(objects.put_if_absent("log/1", "1"));

  CHECK(must_test::wait_for_process(must_test::start_process([&] {
          const ::rlimit most{10'000, 10'000};
          ensure(::signal(SIGXFSZ, SIG_IGN) != SIG_ERR && ::setrlimit(RLIMIT_FSIZE, &most) == 0, "a limit");
          expect_failure(objects, "EFBIG");
        })) == 0);
  CHECK(holds_as_nobody([&] { expect_failure(objects, "EACCES"); }));
  CHECK(keys_of(objects.list("", "")) == std::vector<std::string>{"log/1"});
  CHECK(std::filesystem::is_empty(folder.file("objects/.aside")));

  if (::getuid() != 0) return must_test::skip("only root mounts a disk that is full or read only");
  const auto disk = folder.file("disk");
  std::filesystem::create_directory(disk);
  if (::mount("none", disk.c_str(), "tmpfs", 0, "size=64k") != 0) return must_test::skip("no disk can be mounted");
  {
    must::directory_objects full({.path = disk + "/objects"});
    CHECK_NOTHROW(expect_failure(full, "ENOSPC"));
    CHECK(full.put_if_absent("log/2", std::string(1'000, 'x')).outcome == object_outcome::done);
    CHECK(full.list("", "").objects.size() == 1);
    REQUIRE(::mount("none", disk.c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, "size=64k") == 0);
    CHECK(full.get("log/2")->size == 1'000);
    const auto why = error_of<must::storage_error>([&] { static_cast<void>(full.put_if_absent("log/3", "")); });
    CHECK(why.backend_code == "EROFS (30)");
  }
  CHECK(::umount(disk.c_str()) == 0);
}

TEST_CASE("directory_objects: of threads and processes that race, one puts a key, and none is between two others",
          "[storage][durable][race]") {
  const must_test::temporary_folder folder;
  auto objects = open_in(folder);
  constexpr int keys = 100, racers = 8, rounds = 25;
  static_cast<void>(objects.put_if_absent("count", "0"));
  const auto race = [&] {  // Returns how many keys it has won.
    int won = 0;
    for (int key = 0; key < keys; ++key)
      won += objects.put_if_absent("log/" + std::to_string(key), "x").outcome == object_outcome::done ? 1 : 0;
    for (int round = 0; round < rounds;) {
      const auto known = objects.get("count").value();
      const auto next = std::to_string(std::stoi(known.bytes) + 1);
      round += objects.put_if_match("count", next, known.etag).outcome == object_outcome::done ? 1 : 0;
    }
    return won;
  };
  std::vector<::pid_t> children;
  for (int i = 0; i < racers / 2; ++i) children.push_back(must_test::start_process([&] { ::_exit(race()); }));
  std::atomic<int> won{0};
  std::vector<std::jthread> threads;
  for (int i = 0; i < racers / 2; ++i) threads.emplace_back([&] { won += race(); });
  threads.clear();
  for (const auto child : children) {
    const int status = must_test::wait_for_process(child);
    REQUIRE(WIFEXITED(status));
    won += WEXITSTATUS(status);
  }
  CHECK(won == keys);
  CHECK(objects.get("count")->bytes == std::to_string(racers * rounds));
}

TEST_CASE("directory_objects: a process that is killed at any system call leaves an object whole or not at all",
          "[storage][durable][process]") {
  if (const auto why = must_test::why_not_stepped()) return must_test::skip(*why);
  const std::string one(3'000, '1'), two(3'000, '2');
  bool ends = false;
  for (unsigned call = 1; !ends; ++call) {
    INFO("killed at system call " << call);
    const must_test::temporary_folder folder;
    ends = must_test::run_stepped(call, [&] {
      auto objects = open_in(folder);
      const auto put = objects.put_if_absent("log/1", one);
      static_cast<void>(objects.put_if_match("log/1", two, put.etag));
      objects.remove("log/1");
    });
    auto objects = open_in(folder);
    CHECK(std::filesystem::is_empty(folder.file("objects/.aside")));
    const auto left = objects.get("log/1");
    const bool is_whole = !left || left->bytes == one || left->bytes == two;
    CHECK(is_whole);
    if (left) CHECK(objects.put_if_match("log/1", "3", left->etag).outcome == object_outcome::done);
    if (!left) CHECK(objects.put_if_absent("log/1", "3").outcome == object_outcome::done);
    CHECK(objects.get("log/1")->bytes == "3");
  }
}

TEST_CASE("directory_objects: what a process writes aside is not swept by another that opens the directory",
          "[storage][durable][race]") {
  const must_test::temporary_folder folder;
  auto objects = open_in(folder);
  std::atomic<bool> is_done{false};
  std::atomic<int> failures{0};
  std::jthread sweeper([&] {
    while (!is_done) static_cast<void>(open_in(folder));
  });
  for (int i = 0; i < 300; ++i)
    if (objects.put_if_absent("log/" + std::to_string(i), "x").outcome != object_outcome::done) ++failures;
  is_done = true;
  CHECK(failures == 0);
  CHECK(objects.list("log/", "").objects.size() == 300);
}

// SPDX-License-Identifier: MIT
// sqlite_store: one file that several processes and stores use at once.
#include "must/storage/sqlite.hpp"

#include "must/must.hpp"
#include "must/storage/group_commit.hpp"

#include "cases/fairness.hpp"
#include "stores/sqlite.hpp"
#include "support/catch.hpp"

#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace must_test;

TEST_CASE("sqlite_store: processes that race on one file see each other's events", "[sqlite][process]") {
  const temporary_folder folder;
  const auto path = folder.file();
  constexpr int processes = 4, each = 60;
  std::vector<::pid_t> children;
  for (int p = 0; p < processes; ++p) {
    children.push_back(start_process([&] {
      must::sqlite_store store(on(path));  // all make the file at once
      for (int stored = 0; stored < each;) {
        std::size_t seen = 0;
        const auto read = store.read(must::query::of_tags({"t"}), {}, [&](const auto&) { ++seen; });
        auto one = event(new_id());
        one.data = must::payload("text/plain", std::to_string(seen));
        if (append(store, one, {.query = must::query::of_tags({"t"}), .after = read.head}).stored()) ++stored;
      }
    }));
  }
  for (const auto child : children) CHECK(wait_for_process(child) == 0);
  must::sqlite_store store(on(path));
  std::size_t n = 0;
  static_cast<void>(store.read(must::query::all(), {}, [&](const auto& record) {
    CHECK(record.data.bytes() == std::to_string(n++));
    CHECK(record.version.value == n);
  }));
  CHECK(n == std::size_t{processes * each});
  check_sound(path);
}

TEST_CASE("sqlite_store: nobody starves among processes that append to one file", "[sqlite][process]") {
  const temporary_folder folder;
  const auto path = folder.file();
  { must::sqlite_store make(on(path)); }
  std::vector<::pid_t> children;
  for (int p = 0; p < 4; ++p) {
    children.push_back(start_process([&] {
      must::sqlite_store store(on(path));
      const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(2'200);
      for (auto before = std::chrono::steady_clock::now(); before < end;) {
        append(store, event(new_id(), {})).value();
        const auto after = std::chrono::steady_clock::now();
        if (after - before > std::chrono::seconds(2)) throw std::runtime_error("an append took more than 2 s");
        before = after;
      }
    }));
  }
  for (const auto child : children) CHECK(wait_for_process(child) == 0);
}

TEST_CASE("sqlite_store: a writer that is killed leaves whole appends behind", "[sqlite][process]") {
  const temporary_folder folder;
  const auto path = folder.file();
  for (int round = 0; round < 12; ++round) {
    const auto child = start_process([&] {
      auto options = on(path);
      options.checkpoint_pages = 20;
      must::sqlite_store store(options);
      for (;;) {
        std::vector events{event(new_id(), "one"), event(new_id(), "two", {"t", "u"}), event(new_id(), "one")};
        static_cast<void>(store.append(std::span(events), {}).value());
      }
    });
    ::usleep(static_cast<::useconds_t>(5'000 + 7'000 * round));
    ::kill(child, SIGKILL);
    CHECK(WIFSIGNALED(wait_for_process(child)));
    must::sqlite_store store(on(path));
    CHECK(store.head() % 3 == 0);
    CHECK(store.version("one").value == 2 * store.version("two").value);
    CHECK(count(store, must::query::of_tags({"u"})) == store.head() / 3);
    std::vector more{event(new_id(), "one"), event(new_id(), "two", {"t", "u"}), event(new_id(), "one")};
    CHECK(store.append(std::span(more), {}).stored());
    check_sound(path);
  }
}

TEST_CASE("sqlite_store: a wait ends when another process appends", "[sqlite][process]") {
  const temporary_folder folder;
  const auto path = folder.file();
  { must::sqlite_store make(on(path)); }
  const auto child = start_process([&] {
    ::usleep(100'000);
    must::sqlite_store store(on(path));
    append(store, event("a")).value();
    ::sleep(60);  // Nothing but the append ends the wait.
  });
  must::sqlite_store store(on(path));
  CHECK_FALSE(store.wait_for(1, must::duration(10'000)));
  const auto before = std::chrono::steady_clock::now();
  CHECK(store.wait_for(1, must::duration(10'000'000)));
  CHECK(std::chrono::steady_clock::now() - before < std::chrono::seconds(10));
  REQUIRE(::kill(child, SIGKILL) == 0);
  CHECK(WIFSIGNALED(wait_for_process(child)));
}

TEST_CASE("sqlite_store: two stores of one process share a file", "[sqlite][race]") {
  const temporary_folder folder;
  must::sqlite_store left(on(folder.file())), right(on(folder.file()));
  CHECK(left.history() == right.history());
  std::atomic<int> won{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&, t] {
        auto& store = t % 2 == 0 ? left : right;
        for (int round = 0; round < 25; ++round) {
          const auto stream = "r" + std::to_string(round);
          const must::append_condition alone{.streams = {must::stream_expectation::no_stream(stream)}};
          won += append(store, event(new_id(), stream), alone).stored();
        }
      });
    }
  }
  CHECK(won == 25);
  CHECK(left.head() == 25);
  CHECK(right.head() == 25);
}

TEST_CASE("sqlite_store: who waits for another writer gives up at its deadline", "[sqlite]") {
  const temporary_folder folder;
  auto options = on(folder.file());
  options.timeout = must::duration(50'000);
  must::sqlite_store store(options);
  ::sqlite3* other = nullptr;
  REQUIRE(::sqlite3_open(folder.file().c_str(), &other) == SQLITE_OK);
  REQUIRE(::sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr) == SQLITE_OK);
  const auto before = std::chrono::steady_clock::now();
  const auto busy = failure_of([&] { append(store, event("a")).value(); });
  const auto waited = std::chrono::steady_clock::now() - before;
  CHECK(busy.backend_code == "SQLITE_BUSY (5)");
  CHECK(busy.retryable);
  CHECK(waited >= std::chrono::milliseconds(40));
  CHECK(waited < std::chrono::seconds(30));
  CHECK(store.head() == 0);  // readers do not wait
  REQUIRE(::sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr) == SQLITE_OK);
  ::sqlite3_close(other);
  CHECK(append(store, event("a")).stored());
}

TEST_CASE("sqlite_store: the log beside the file does not grow for ever", "[sqlite]") {
  const temporary_folder folder;
  auto options = on(folder.file());
  options.checkpoint_pages = 50;
  must::sqlite_store store(options);
  for (int i = 0; i < 1'000; ++i) append(store, event(new_id())).value();
  CHECK_FALSE(store.health().checkpoint_failure);
  CHECK(std::filesystem::file_size(folder.file() + "-wal") < std::uintmax_t{100} * 4'200);
}

TEST_CASE("sqlite_store: of 64 threads that fight for one boundary none waits longer than its deadline",
          "[sqlite][race]") {
  const temporary_folder folder;
  must::sqlite_store store(on(folder.file()));
  const auto all = must_test::fight_for_one_boundary(store, 64, std::chrono::seconds(10));
  CHECK(all.failures.empty());
  CHECK(all.longest < std::chrono::seconds(10));
  CHECK(all.taken > 0);
  CHECK(store.head() == static_cast<must::position>(all.taken));
}

TEST_CASE(
    "sqlite_store: of 64 threads that share commits and fight for one boundary none waits longer than its deadline",
    "[sqlite][race]") {
  const temporary_folder folder;
  must::sqlite_store store(on(folder.file()));
  must::group_commit shared(store);
  const auto all = must_test::fight_for_one_boundary(shared, 64, std::chrono::seconds(10));
  CHECK(all.failures.empty());
  CHECK(all.longest < std::chrono::seconds(10));
  CHECK(all.taken > 0);
  CHECK(store.head() == static_cast<must::position>(all.taken));
}

TEST_CASE("sqlite_store: what a commit that is shared has acknowledged outlives a kill -9", "[sqlite][process]") {
  const temporary_folder folder;
  const auto path = folder.file();
  for (int round = 0; round < 6; ++round) {
    int ends[2] = {0, 0};
    REQUIRE(::pipe(ends) == 0);
    const auto child = start_process([&] {
      must::sqlite_store store(on(path));
      must::group_commit shared(store);
      std::vector<std::jthread> threads;
      for (int t = 0; t < 8; ++t)
        threads.emplace_back([&] {
          for (;;) {
            auto one = event(new_id(), {});
            const must::position at = shared.append(std::span(&one, 1), {}).value().first;
            if (::write(ends[1], &at, sizeof at) != sizeof at) std::abort();  // acknowledged
          }
        });
    });
    ::close(ends[1]);
    ::usleep(static_cast<::useconds_t>(20'000 + 10'000 * round));
    ::kill(child, SIGKILL);
    CHECK(WIFSIGNALED(wait_for_process(child)));
    must::position acknowledged = 0, at = 0;
    while (::read(ends[0], &at, sizeof at) == sizeof at) acknowledged = std::max(acknowledged, at);
    ::close(ends[0]);
    must::sqlite_store store(on(path));
    CHECK(store.head() >= acknowledged);
    CHECK(count(store, must::query::all()) == store.head());
    check_sound(path);
  }
}

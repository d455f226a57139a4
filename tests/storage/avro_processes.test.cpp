// SPDX-License-Identifier: MIT
// avro_store: one file that several processes and stores use at once, that are stopped and killed (cases Z5, Z6).
#include "stores/avro.hpp"
#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/ensure.hpp"
#include "support/error_of.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/types.h>
#include <unistd.h>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

using namespace must_test;

namespace {

std::string new_id() { return must::uuid7_ids::instance().next(must::system_clock::instance().now()); }

// Appends an event that says how many there were before, under the condition that it is right.
bool append_counted(must::avro_store& store) {
  std::size_t seen = 0;
  const auto read = store.read(must::query::of_tags({"t"}), {}, [&](const auto&) { ++seen; });
  auto one = avro_event(new_id());
  one.data = must::payload("text/plain", std::to_string(seen));
  return append(store, one, {.query = must::query::of_tags({"t"}), .after = read.head}).stored();
}
// Checks that each event says how many were before it, and returns the ids.
std::set<std::string> check_counted(must::avro_store& store) {
  std::set<std::string> ids;
  std::size_t n = 0;
  static_cast<void>(store.read(must::query::all(), {}, [&](const auto& record) {
    CHECK(record.data.bytes() == std::to_string(n++));
    CHECK(record.version.value == n);
    CHECK(record.position == n);
    ids.insert(record.id);
  }));
  CHECK(ids.size() == n);
  return ids;
}
must::avro_options full_on(const std::string& path, std::uint64_t rotate_bytes) {
  auto options = avro_on(path, rotate_bytes);
  options.durability = must::avro_durability::full;
  options.timeout = must::duration(60'000'000);
  return options;
}

}  // namespace

TEST_CASE("avro_store: Z5 processes that race on one file see each other's events, while it is rotated and copied",
          "[storage][avro][process]") {
  const temporary_folder folder;
  const auto path = folder.file("events.avro");
  constexpr int processes = 8, each = 15;
  std::vector<::pid_t> children;
  for (int p = 0; p < processes; ++p)
    children.push_back(start_process([&] {
      auto options = full_on(path, 4'000);
      if (p % 2 == 0) options.durability = must::avro_durability::none;
      must::avro_store store(options);  // all make the file at once
      for (int stored = 0; stored < each;) stored += append_counted(store) ? 1 : 0;
      for (int counted = 0; counted < each;) {
        const auto cell = store.get("counter");
        const auto before = cell ? std::stoi(cell->bytes) : 0;
        if (store.put("counter", std::to_string(before + 1), cell ? cell->revision : 0)) ++counted;
      }
    }));
  must::avro_store store(full_on(path, 4'000));
  must::position copied = 0;
  for (int copy = 0; copy < 5; ++copy) {
    const auto name = folder.file("copy" + std::to_string(copy));
    store.backup(name);
    must::avro_store backup(full_on(name, 0));
    check_counted(backup);
    CHECK(backup.head() >= copied);
    copied = backup.head();
  }
  for (const auto child : children) CHECK(wait_for_process(child) == 0);
  CHECK(check_counted(store).size() == std::size_t{processes * each});
  CHECK(store.get("counter").value().bytes == std::to_string(processes * each));
  const auto verified = store.verify();
  CHECK(verified.head == std::size_t{processes * each});
  CHECK(verified.files > 3);
}

TEST_CASE("avro_store: Z6 writers that are killed lose nothing that was acknowledged, and leave nothing half behind",
          "[storage][avro][process]") {
  const temporary_folder folder;
  const auto path = folder.file("events.avro"), journal = folder.file("journal");
  const char* const seconds = std::getenv("MUST_TEST_SECONDS");
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds == nullptr ? 2 : std::atoi(seconds));
  std::uint64_t least_counter = 0;
  for (int round = 0; round < 4 || std::chrono::steady_clock::now() < end; ++round) {
    INFO("round " << round);
    std::vector<::pid_t> children;
    for (int p = 0; p < 3; ++p)
      children.push_back(start_process([&] {
        const int told = ::open(journal.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        must::avro_store store(full_on(path, 6'000));
        for (;;) {
          std::size_t seen = 0;
          const auto read = store.read(must::query::of_tags({"t"}), {}, [&](const auto&) { ++seen; });
          auto one = avro_event(new_id());
          one.data = must::payload("text/plain", std::to_string(seen));
          const auto line = one.id + "\n";
          if (!append(store, one, {.query = must::query::of_tags({"t"}), .after = read.head}).stored()) continue;
          if (::write(told, line.data(), line.size()) != static_cast<::ssize_t>(line.size())) ::_exit(2);
          const auto cell = store.get("counter");
          store.put("counter", std::string(3'000, 'x'), cell ? cell->revision : 0);
        }
      }));
    std::this_thread::sleep_for(std::chrono::milliseconds(20 + round * 37 % 90));
    for (const auto child : children) ::kill(child, SIGKILL);
    for (const auto child : children) CHECK(WTERMSIG(wait_for_process(child)) == SIGKILL);
    must::avro_store store(full_on(path, 6'000));
    const auto ids = check_counted(store);
    std::ifstream acknowledged(journal);
    for (std::string id; std::getline(acknowledged, id);) REQUIRE(ids.contains(id));
    CHECK(store.verify().head == ids.size());
    const auto cell = store.get("counter");
    const auto counter = cell ? cell->revision : 0;
    CHECK(counter >= least_counter);
    least_counter = counter;
    CHECK(append_counted(store));
  }
}

TEST_CASE("avro_store: while a writer is stopped in an append, the others read, and are told who holds the lock",
          "[storage][avro][process]") {
  const temporary_folder folder;
  const auto path = folder.file("events.avro");
  auto options = full_on(path, 0);
  must::avro_store reader(options);
  const auto child = start_process([&] {
    must::avro_store store(options);
    for (;;) append(store, avro_event(new_id())).value();
  });
  const int lock = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  bool is_held = false;
  for (int i = 0; i < 10'000 && !is_held; ++i) {
    ::kill(child, SIGSTOP);
    wait_for_process(child, WUNTRACED);
    is_held = reader.head() > 0 && ::flock(lock, LOCK_EX | LOCK_NB) != 0;
    if (is_held) break;
    ::flock(lock, LOCK_UN);
    ::kill(child, SIGCONT);
    std::this_thread::sleep_for(std::chrono::microseconds(i % 1'000));
  }
  REQUIRE(is_held);
  const auto head = reader.head();
  std::size_t seen = 0;
  static_cast<void>(reader.read(must::query::all(), {}, [&](const auto&) { ++seen; }));
  CHECK(seen == head);
  options.timeout = must::duration(50'000);
  options.mode = must::avro_mode::read_only;
  CHECK(must::avro_store(options).head() == head);
  options.mode = must::avro_mode::read_write;
  const auto late = error_of<must::storage_error>([&] {
    must::avro_store store(options);
    static_cast<void>(append(store, avro_event("late")));
  });
  CHECK(late.retryable);
  CHECK(late.message.find("another process holds its lock, past the deadline") != std::string::npos);
  std::atomic<bool> is_stored{false};
  std::thread waiting([&] { is_stored = append(reader, avro_event("waiting")).stored(); });
  ::kill(child, SIGCONT);
  waiting.join();
  CHECK(is_stored);
  ::kill(child, SIGKILL);
  wait_for_process(child);
  ::close(lock);
  CHECK(reader.verify().head > head);
}

TEST_CASE("avro_store: a forked process is told to open the store anew", "[storage][avro][process]") {
  const temporary_folder folder;
  must::avro_store store(avro_on(folder.file("events.avro")));
  const auto child = start_process([&] {
    try {
      append(store, avro_event("1")).value();
    } catch (const must::storage_error& why) {
      ensure(why.error().message.find("opens the store anew") != std::string::npos, why.what());
      ::_exit(7);
    }
  });
  CHECK(WEXITSTATUS(wait_for_process(child)) == 7);
  CHECK(append(store, avro_event("1")).value().first == 1);
}

// SPDX-License-Identifier: MIT
// durable_store: processes on one directory, which race, are killed, and sleep in the middle of an append.
#include "must/storage/durable.hpp"
#include "must/storage/objects/directory.hpp"

#include "stores/durable_events.hpp"
#include "stores/watched_objects.hpp"
#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/ensure.hpp"
#include "support/skip.hpp"
#include "support/stepped_process.hpp"
#include "support/temporary_folder.hpp"

#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using must_test::ensure;
using must_test::ids_of;
using must_test::numbers;
using must_test::put;
using must_test::put_some;
using must_test::quick;
using must_test::start_process;
using must_test::wait_for_process;
using store_type = must::durable_store<must::directory_objects>;
using watched_store = must::durable_store<must_test::watched_objects<must::directory_objects>>;

must::directory_objects objects_in(const must_test::temporary_folder& folder) {
  return must::directory_objects({.path = folder.file("objects"), .durability = must::directory_durability::none});
}
// A file to which processes append what they have been told is stored.
struct journal {
  explicit journal(const must_test::temporary_folder& folder) : path(folder.file("journal")) {}
  void tell(const std::string& id) const {
    const int to = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    const auto line = id + "\n";
    ensure(to >= 0 && ::write(to, line.data(), line.size()) == static_cast<::ssize_t>(line.size()), "tell " + id);
    ::close(to);
  }
  [[nodiscard]] std::vector<std::string> told() const {
    std::ifstream from(path);
    return {std::istream_iterator<std::string>(from), {}};
  }
  std::string path;
};
// How often each id is in a store whose positions have no gap.
std::map<std::string, int> counts_in(store_type& store) {
  std::map<std::string, int> counts;
  must::position next = 1;
  static_cast<void>(store.read(must::query::all(), {}, [&](const auto& one) {
    CHECK(one.position == next++);
    CHECK(one.data.bytes() == "the data of " + one.id);
    ++counts[one.id];
  }));
  return counts;
}

}  // namespace

TEST_CASE("durable_store: Z5 eight processes on one directory keep one history while they compact",
          "[storage][durable][race]") {
  const must_test::temporary_folder folder;
  constexpr int processes = 8, each = 25;
  std::vector<::pid_t> children;
  for (int p = 0; p < processes; ++p)
    children.push_back(start_process([&] {
      store_type store(objects_in(folder), quick(10'000, 5'000));
      for (int i = 0; i < each; ++i) {
        // All of them count up one stream, and each tries until it has the next version.
        for (bool stored = false; !stored;) {
          auto one = must_test::durable_event(std::to_string(p) + "-" + std::to_string(i), "shared");
          const auto version = store.version("shared");
          must::append_condition condition{.streams = {must::stream_expectation::exactly("shared", version)}};
          stored = static_cast<bool>(store.append(std::span(&one, 1), condition));
        }
        if (i % 12 == p) static_cast<void>(store.compact());
      }
    }));
  for (const auto child : children) CHECK(wait_for_process(child) == 0);
  store_type store(objects_in(folder), quick());
  const auto counts = counts_in(store);
  CHECK(counts.size() == processes * each);
  CHECK(store.version("shared") == processes * each);
  for (const auto& [id, count] : counts) CHECK(count == 1);
}

TEST_CASE("durable_store: Z6 processes that are killed at any time lose nothing that they were told is stored",
          "[storage][durable][process]") {
  const must_test::temporary_folder folder;
  const journal told(folder);
  const char* const seconds = std::getenv("MUST_TEST_SECONDS");
  const int rounds = seconds == nullptr ? 25 : 20 * std::atoi(seconds);
  std::mt19937 random(1);
  for (int round = 0; round < rounds; ++round) {
    const auto work = [&](int who) {
      store_type store(objects_in(folder), quick(5'000, 3'000));
      for (int i = 0;; ++i) {
        const auto id = std::to_string(round) + "-" + std::to_string(who) + "-" + std::to_string(i);
        put(store, id);
        told.tell(id);
        if (i % 7 == 6) static_cast<void>(store.compact());
      }
    };
    const ::pid_t children[] = {start_process([&] { work(0); }), start_process([&] { work(1); })};
    for (const auto child : children) {
      ::usleep(static_cast<::useconds_t>(random() % 60'000));
      REQUIRE(::kill(child, SIGKILL) == 0);
    }
    for (const auto child : children) REQUIRE(WIFSIGNALED(wait_for_process(child)));
  }
  store_type store(objects_in(folder), quick());
  const auto counts = counts_in(store);
  const auto known = told.told();
  CHECK_FALSE(known.empty());
  for (const auto& id : known) {
    INFO(id);
    CHECK(counts.contains(id));
  }
  for (const auto& [id, count] : counts) CHECK(count == 1);
  put_some(store, 1, 3);
  static_cast<void>(store.compact());
  CHECK(counts_in(store).size() == counts.size() + 3);
}

TEST_CASE("durable_store: a process that is killed before or after any request leaves whole commits behind",
          "[storage][durable][process]") {
  const int step = std::getenv("MUST_TEST_SECONDS") == nullptr ? 3 : 1;
  bool ends = false;
  for (int cut = 1; !ends; cut += step) {
    INFO("killed at request " << cut);
    const must_test::temporary_folder folder;
    const journal told(folder);
    const auto child = start_process([&] {
      int requests = 0;
      const auto die = [&](std::string_view, std::string_view) {
        if (++requests == cut) ::raise(SIGKILL);
      };
      watched_store store({objects_in(folder), die, die}, quick(0, 700));
      for (int i = 1; i <= 4; ++i) {
        put(store, std::to_string(i));
        told.tell(std::to_string(i));
        if (i != 2) static_cast<void>(store.compact());
      }
    });
    ends = !WIFSIGNALED(wait_for_process(child));
    store_type store(objects_in(folder), quick());
    const auto least = static_cast<int>(told.told().size());
    const auto all = ids_of(store);
    const bool is_whole = all == numbers(1, least) || all == numbers(1, least + 1);
    CHECK(is_whole);
    put(store, "4");  // it is stored already, or not
    static_cast<void>(store.compact());
    CHECK(ids_of(store).find('?') == std::string::npos);
  }
}

TEST_CASE("durable_store: a process that sleeps in the middle of an append has not won what others have meanwhile",
          "[storage][durable][process]") {
  const must_test::temporary_folder folder;
  const std::string sleeps_at = GENERATE("put_if_absent", "behind put_if_absent");
  store_type store(objects_in(folder), quick(20'000));
  put_some(store, 1, 3);
  const auto child = start_process([&] {
    bool is_open = false;
    const auto sleep = [&](const std::string& where, std::string_view key) {
      if (is_open && where == sleeps_at && key == "log/00000000000000000004.avro") ::raise(SIGSTOP);
    };
    watched_store own({objects_in(folder), [&](auto operation, auto key) { sleep(std::string(operation), key); },
                       [&](auto operation, auto key) { sleep("behind " + std::string(operation), key); }},
                      quick(20'000));
    is_open = true;
    put(own, "slept");
    ensure(ids_of(own).find('?') == std::string::npos, "a history without faults");
  });
  REQUIRE(WIFSTOPPED(wait_for_process(child, WUNTRACED)));
  put_some(store, 11, 6);
  static_cast<void>(store.compact());
  static_cast<void>(store.compact());
  CHECK_FALSE(std::filesystem::exists(folder.file("objects/log/00000000000000000004.avro")));
  REQUIRE(::kill(child, SIGCONT) == 0);
  CHECK(wait_for_process(child) == 0);

  const auto expected =
      sleeps_at == "put_if_absent" ? "1 2 3 11 12 13 14 15 16 slept " : "1 2 3 slept 11 12 13 14 15 16 ";
  CHECK(ids_of(store) == expected);
  store_type reopened(objects_in(folder), quick());
  CHECK(ids_of(reopened) == expected);
}

TEST_CASE("durable_store: a process that is killed at any system call of an append and a compaction loses nothing",
          "[storage][durable][process]") {
  if (const auto why = must_test::why_not_stepped()) return must_test::skip(*why);
  const must_test::temporary_folder folder;
  { put_some(*std::make_unique<store_type>(objects_in(folder), quick(0, 700)), 1, 3); }
  const auto work = [&](const journal& told) {
    store_type store(objects_in(folder), quick(0, 700));
    put(store, "4");
    told.tell("4");
    static_cast<void>(store.compact());
    static_cast<void>(store.put("cell", "1", 0));
  };
  const auto saved = folder.file("saved"), objects = folder.file("objects");
  std::filesystem::copy(objects, saved, std::filesystem::copy_options::recursive);
  const unsigned step = std::getenv("MUST_TEST_SECONDS") == nullptr ? 11 : 1;
  bool ends = false;
  for (unsigned call = 1; !ends; call += step) {
    INFO("killed at system call " << call);
    std::filesystem::remove_all(objects);
    std::filesystem::copy(saved, objects, std::filesystem::copy_options::recursive);
    const journal told(folder);
    std::filesystem::remove(told.path);
    ends = must_test::run_stepped(call, [&] { work(told); });
    store_type store(objects_in(folder), quick());
    const auto all = ids_of(store);
    const bool is_whole = all == numbers(1, 4) || (told.told().empty() && all == numbers(1, 3));
    CHECK(is_whole);
    const auto cell = store.get("cell");
    CHECK(store.put("cell", "2", cell ? cell->revision : 0));
    put(store, "5");
    static_cast<void>(store.compact());
    CHECK(ids_of(store) == all + "5 ");
  }
}

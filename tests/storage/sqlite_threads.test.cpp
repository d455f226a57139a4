// SPDX-License-Identifier: MIT
// sqlite_store: threads that write at the same time take turns, share commits, and keep their own results and errors.
#include "must/storage/sqlite.hpp"

#include "must/must.hpp"

#include "stores/sqlite.hpp"
#include "stores/sqlite_statements.hpp"
#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/temporary_folder.hpp"

#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <latch>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <vector>

using namespace must_test;

namespace {

// Runs `work(thread)` in threads that begin together.
template <typename Work>
void in_threads(int threads, Work&& work) {
  std::latch begin(threads);
  std::vector<std::jthread> running;
  for (int t = 0; t < threads; ++t)
    running.emplace_back([&, t] {
      begin.arrive_and_wait();
      work(t);
    });
}

struct turns_of_threads {
  std::vector<int> all, since_all_began;
};
// Lets threads take turns, until one has had `most` since all have begun, or a turn fails.
template <typename Turn>
turns_of_threads take_turns(int threads, int most, Turn&& turn) {
  turns_of_threads turns{std::vector<int>(static_cast<std::size_t>(threads)),
                         std::vector<int>(static_cast<std::size_t>(threads))};
  std::atomic<int> begun{0};
  std::atomic<bool> is_over{false};
  in_threads(threads, [&](int t) {
    auto& mine = turns.all[static_cast<std::size_t>(t)];
    auto& counted = turns.since_all_began[static_cast<std::size_t>(t)];
    while (!is_over) {
      const bool counts = begun == threads;
      if (!turn(t, mine)) break;
      if (++mine == 1) ++begun;
      if (counts && ++counted == most) break;
    }
    is_over = true;
  });
  return turns;
}
void check_fair(const turns_of_threads& turns) {
  const auto [least, greatest] = std::minmax_element(turns.since_all_began.begin(), turns.since_all_began.end());
  INFO("turns of a thread: " << *least << " to " << *greatest);
  CHECK(*greatest > 0);
  CHECK(*least * 3 >= *greatest);
}

std::string name(int thread, int i) { return std::to_string(thread) + "-" + std::to_string(i); }

}  // namespace

TEST_CASE("sqlite_store: threads that append at the same time share commits", "[sqlite][race]") {
  const temporary_folder folder;
  const sqlite_statements commits("COMMIT");
  must::sqlite_store store(on(folder.file()));
  constexpr int threads = 16;
  int rounds = 0;
  bool is_shared = false;
  while (!is_shared && rounds < 200) {  // One round is enough when all threads are there before the file is free.
    const auto before = commits.count();
    std::atomic<int> begun{0};
    ::sqlite3* other = nullptr;
    ensure(::sqlite3_open(folder.file().c_str(), &other) == SQLITE_OK, "open the file");
    ensure(::sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr) == SQLITE_OK, "hold the file");
    std::jthread frees([&] {
      while (begun < threads) std::this_thread::yield();
      ::sqlite3_close(other);
    });
    in_threads(threads, [&](int t) {
      ++begun;
      append(store, event(name(t, rounds))).value();
    });
    ++rounds;
    CHECK(store.head() == static_cast<std::uint64_t>(threads * rounds));
    is_shared = commits.count() - before < threads / 2;
  }
  CHECK(is_shared);
  check_sound(folder.file());
}

TEST_CASE("sqlite_store: a thread that is alone commits each append by itself", "[sqlite]") {
  const temporary_folder folder;
  const sqlite_statements commits("COMMIT");
  must::sqlite_store store(on(folder.file()));
  const auto before = commits.count();
  for (int i = 0; i < 20; ++i) append(store, event(std::to_string(i))).value();
  CHECK(commits.count() - before == 20);
}

TEST_CASE("sqlite_store: no thread gets many more turns than another", "[sqlite][race]") {
  const temporary_folder folder;
  auto options = on(folder.file());
  options.durability = must::sqlite_durability::full;
  must::sqlite_store store(options);
  check_fair(take_turns(16, 100, [&](int t, int i) { return append(store, event(name(t, i), {})).value().first > 0; }));
}

TEST_CASE("sqlite_store: puts, transactions and appends with work take turns with appends", "[sqlite][race]") {
  const temporary_folder folder;
  auto options = on(folder.file());
  options.durability = must::sqlite_durability::full;
  must::sqlite_store store(options);
  constexpr std::size_t threads = 16;
  const auto turns = take_turns(threads, 200, [&](int t, int i) {
    auto one = event(name(t, i), {});
    switch (t % 4) {
      case 0: append(store, one).value(); return true;
      case 1: store.append_with(std::span(&one, 1), {}, [](auto&) {}).value(); return true;
      case 2: return store.put("cell-" + std::to_string(t), "v", static_cast<std::uint64_t>(i));
      default: store.with_transaction([](auto&) {}); return true;
    }
  });
  check_fair(turns);
  std::uint64_t events = 0;
  for (std::size_t t = 0; t < threads; ++t) {
    if (t % 4 < 2) events += static_cast<std::uint64_t>(turns.all[t]);
    if (t % 4 == 2) CHECK(store.get("cell-" + std::to_string(t))->revision == static_cast<std::uint64_t>(turns.all[t]));
  }
  CHECK(store.head() == events);
}

TEST_CASE("sqlite_store: of appends that share a commit each has its own condition, result and error",
          "[sqlite][race]") {
  const temporary_folder folder;
  must::sqlite_store store(on(folder.file()));
  constexpr int threads = 16, each = 40;
  std::atomic<std::size_t> stored{0}, conflicts{0}, ahead{0}, duplicates{0}, repeats{0}, wrong{0};
  const auto seen = [&](const must::query& which) {
    std::size_t events = 0;
    const auto read = store.read(which, {}, [&](const auto&) { ++events; });
    return std::pair(events, read.head);
  };
  in_threads(threads, [&](int t) {
    const auto mine = must::query::of_tags({"mine-" + std::to_string(t)});
    for (int i = 0; i < each; ++i) {
      // A counter of all: each event holds how many were before it.
      const auto [events, head] = seen(must::query::of_tags({"all"}));
      auto counted = event("counted-" + name(t, i), "all", {"all"});
      counted.data = must::payload("text/plain", std::to_string(events));
      (append(store, counted, {.query = must::query::of_tags({"all"}), .after = head}).stored() ? stored : conflicts)++;
      // What belongs to this thread alone is stored under every condition, at a position of its own.
      const auto own = event("own-" + name(t, i), "own-" + std::to_string(t), {"mine-" + std::to_string(t)});
      const auto [before, upto] = seen(mine);
      const auto done = append(store, own, {.query = mine, .after = upto});
      if (!done.stored() || before != static_cast<std::size_t>(i)) ++wrong;
      if (done.stored() && store.find("/test", own.id)->position != done->first) ++wrong;
      if (append(store, own, {.query = mine, .after = upto}).value() == done.value())
        ++repeats;
      else
        ++wrong;
      auto other = own;
      other.data = must::payload("text/plain", "another");
      try {
        static_cast<void>(append(store, other));
        ++wrong;
      } catch (const must::duplicate_id& why) {
        if (why.error().event_id == own.id) ++duplicates;
      }
      try {
        static_cast<void>(
            append(store, event("ahead-" + name(t, i)), {.after = 1'000'000U + static_cast<unsigned>(t)}));
        ++wrong;
      } catch (const must::exception& why) {
        if (std::string(why.what()).find(std::to_string(1'000'000 + t)) != std::string::npos) ++ahead;
      }
    }
  });
  constexpr std::size_t all = std::size_t{threads} * each;
  CHECK(wrong == 0);
  CHECK(repeats == all);
  CHECK(duplicates == all);
  CHECK(ahead == all);
  CHECK(stored + conflicts == all);
  CHECK(store.head() == stored + all);
  std::size_t n = 0;
  static_cast<void>(store.read(must::query::of_tags({"all"}), {}, [&](const auto& one) {
    CHECK(one.data.bytes() == std::to_string(n++));
    CHECK(one.version == must::version(n));
  }));
  CHECK(n == stored);
  check_sound(folder.file());
  store.verify();
}

TEST_CASE("sqlite_store: an append for which there is no room fails alone", "[sqlite][race]") {
  const temporary_folder folder;
  auto options = on(folder.file());
  options.max_pages = 300;
  must::sqlite_store store(options);
  std::atomic<int> stored{0}, full{0};
  in_threads(8, [&](int t) {
    for (int i = 0; i < 25; ++i) {
      auto one = event(name(t, i));
      if (t == 0) one.data = must::payload("text/plain", std::string(1U << 20U, 'x'));  // This is 256 of the pages.
      try {
        append(store, one).value();
        ++stored;
      } catch (const must::storage_error& why) {
        if (t == 0 && why.error().backend_code == "SQLITE_FULL (13)") ++full;
      }
    }
  });
  CHECK(stored + full == 200);
  CHECK(full >= 24);
  CHECK(store.head() == static_cast<must::position>(stored.load()));
  check_sound(folder.file());
}

TEST_CASE("sqlite_store: stores of one file, in one process and in several, lose nothing of what threads append",
          "[sqlite][race][process]") {
  const temporary_folder folder;
  const auto path = folder.file();
  constexpr int threads = 8, each = 20;
  const auto work = [&](int process) {
    must::sqlite_store left(on(path)), right(on(path, 20));
    in_threads(threads, [&](int t) {
      auto& store = t % 2 == 0 ? left : right;
      for (int i = 0; i < each; ++i)
        append(store, event(std::to_string(process) + "-" + name(t, i), "s" + std::to_string(t % 3))).value();
    });
  };
  std::vector<::pid_t> children;
  for (int p = 1; p <= 2; ++p) children.push_back(start_process([&, p] { work(p); }));
  work(0);
  for (const auto child : children) CHECK(wait_for_process(child) == 0);
  must::sqlite_store store(on(path));
  CHECK(store.head() == std::uint64_t{3 * threads * each});
  CHECK(count(store, must::query::of_tags({"t"})) == std::size_t{3 * threads * each});
  check_sound(path);
  store.verify();
}

TEST_CASE("sqlite_store: an append within a callback is refused, and does not wait for itself", "[sqlite]") {
  const temporary_folder folder;
  must::sqlite_store store(on(folder.file()));
  store.with_transaction([&](auto&) {
    CHECK(failure_of([&] { static_cast<void>(append(store, event("a"))); }).message.find("a callback calls") !=
          std::string::npos);
    auto one = event("a");
    std::vector<must::batch_item<must::payload>> items{{std::span(&one, 1), {}}};
    CHECK(failure_of([&] { static_cast<void>(store.append_batch(items)); }).message.find("a callback calls") !=
          std::string::npos);
  });
  CHECK(append(store, event("a")).value().first == 1);
}

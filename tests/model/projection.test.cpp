// SPDX-License-Identifier: MIT
#include "must/model/projection.hpp"

#include "must/must.hpp"
#include "must/storage/memory.hpp"
#include "must/testing/fixed_origin.hpp"

#include "stores/flaky_store.hpp"
#include "stores/switchable_store.hpp"
#include "support/catch.hpp"

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

struct Moved {
  std::string from, to;
  int amount;
};
struct Noted {
  std::string text;
};
using store_type = must::memory_store<Moved, Noted>;

// Money only moves: the sum over all accounts is 0, whenever one looks.
struct Balances {
  using events = must::events<Moved>;
  std::vector<int> amounts = std::vector<int>(4);
  int moves = 0;
  void apply(const Moved& move) {
    ++moves;
    amounts[static_cast<std::size_t>(move.from[0] - 'a')] -= move.amount;
    amounts[static_cast<std::size_t>(move.to[0] - 'a')] += move.amount;
  }
};

struct Sent {
  using events = must::events<Moved>;
  int sum = 0;
  static std::string key_of(const Moved& move) { return move.from; }
  void apply(const Moved& move) { sum += move.amount; }
};

// Takes a millisecond for each event, as long as it is told to.
struct Slow {
  using events = must::events<Moved>;
  static inline std::atomic<bool> is_slow{false};
  int moves = 0;
  void apply(const Moved&) {
    ++moves;
    if (is_slow) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
};

constexpr std::chrono::seconds long_enough(20);

}  // namespace

TEST_CASE("projection: folds what is there, then what comes, and only its own events", "[model]") {
  store_type store;
  must::append(store, Moved{"a", "b", 5}, Noted{"x"}, Moved{"b", "c", 2});
  auto view = must::projection<Balances>(store, "balances");
  CHECK(view.scanned() == 0);
  CHECK(view.run_once() == 3);
  CHECK(view.state().amounts == std::vector<int>{-5, 3, 2, 0});
  must::append(store, Noted{"y"}, Moved{"c", "d", 1});
  CHECK(view.run_once() == 5);
  CHECK(view.state().amounts == std::vector<int>{-5, 3, 1, 1});
  CHECK(view.state().moves == 3);
}

TEST_CASE("projection: a query narrows what it folds", "[model]") {
  store_type store;
  must::append(store, Moved{"a", "b", 5}, Moved{"b", "c", 2}, Noted{"z"});
  auto none = must::projection<Balances>(store, "none", must::query::of_types({"Noted"}));
  CHECK(none.run_once() == 3);
  CHECK(none.state().moves == 0);
}

TEST_CASE("projection: keyed keeps a state for each key", "[model]") {
  store_type store;
  must::append(store, Moved{"a", "b", 5}, Moved{"b", "c", 2}, Moved{"a", "c", 1});
  auto view = must::projection<must::keyed<Sent>>(store, "sent");
  view.run_once();
  view.read([](const must::keyed<Sent>& all) {
    CHECK(all.size() == 2);
    CHECK(all.find("a")->sum == 6);
    CHECK(all.find("b")->sum == 2);
    CHECK(all.find("c") == nullptr);
  });
}

TEST_CASE("projection: who has written reads its own writes, while others write and read", "[model][race]") {
  store_type store;
  auto view = must::projection<Balances>(store, "balances");
  std::jthread follows([&](const std::stop_token& stop) { view.run(stop); });
  std::vector<std::jthread> others;
  std::atomic<int> wrong{0};
  for (int i = 0; i < 3; ++i)
    others.emplace_back([&, i](const std::stop_token& stop) {
      const std::string names = "abcd";
      for (int n = 0; n < 2'000; ++n) {
        if (i == 0)
          must::append(store, Moved{names.substr(static_cast<std::size_t>(n % 4), 1), "a", n});
        else
          view.read([&](const Balances& all) {
            wrong += all.amounts[0] + all.amounts[1] + all.amounts[2] + all.amounts[3] != 0;
          });
        if (stop.stop_requested()) return;
      }
    });
  for (int n = 1; n <= 500; ++n) {
    const auto stored = must::append(store, Moved{"a", "b", 1});
    REQUIRE(view.wait_until(stored.last, long_enough));
    REQUIRE(view.read([](const Balances& all) { return all.moves; }) >= n);
  }
  others.clear();
  REQUIRE(view.wait_until(store.head(), long_enough));
  CHECK(view.state().moves == static_cast<int>(store.head()));
  CHECK(wrong == 0);
}

TEST_CASE("projection: readers that are never all gone do not hold up the folding, nor that them", "[model][race]") {
  store_type store;
  auto view = must::projection<Balances>(store, "balances");
  std::atomic<int> reads{0};
  std::vector<std::jthread> readers;
  for (int i = 0; i < 3; ++i)
    readers.emplace_back([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        view.read([](const Balances&) { std::this_thread::sleep_for(std::chrono::milliseconds(2)); });
        ++reads;
      }
    });
  std::jthread follows([&](const std::stop_token& stop) { view.run(stop); });
  for (int n = 0; n < 50; ++n) {
    const auto before = reads.load();
    REQUIRE(view.wait_until(must::append(store, Moved{"a", "b", 1}, Moved{"b", "a", 1}).last, long_enough));
    while (reads == before) std::this_thread::yield();
  }
  CHECK(view.state().moves == 100);
}

TEST_CASE("projection: readers are let in while it folds for long", "[model][race]") {
  constexpr int count = 2'000;
  store_type store;
  for (int i = 0; i < count; ++i) must::append(store, Moved{"a", "b", 1});
  auto view = must::projection<Slow>(store, "slow");
  Slow::is_slow = true;
  std::jthread folds([&] { view.run_once(); });
  while (view.read([](const Slow& now) { return now.moves; }) == 0) std::this_thread::yield();
  const auto seen = view.read([](const Slow& now) { return now.moves; });
  Slow::is_slow = false;
  CHECK(seen < count);
  folds.join();
  CHECK(view.state().moves == count);
}

TEST_CASE("projection: live, a failure of the store that may pass is waited for, another ends the run",
          "[model][race]") {
  store_type kept;
  must_test::flaky_store store(kept);
  must::append(kept, Moved{"a", "b", 1});
  auto view = must::projection<Balances>(store, "balances");
  store.fail_at(1, false);
  {
    std::jthread follows([&](const std::stop_token& stop) { view.run(stop); });
    CHECK(view.wait_until(1, long_enough));
  }
  CHECK(store.has_failed());
  store.fail_at(1, false);
  CHECK_THROWS_AS(view.run_once(), must::storage_error);
}

TEST_CASE("projection: wait_until gives up after its timeout", "[model]") {
  store_type store;
  auto view = must::projection<Balances>(store, "balances");
  CHECK_FALSE(view.wait_until(1, std::chrono::milliseconds(5)));
  CHECK(view.wait_until(0, std::chrono::milliseconds(0)));
}

namespace {

struct Fragile {
  using events = must::events<Moved>;
  static inline bool fails = false;
  int moves = 0;
  void apply(const Moved&) {
    if (fails && moves == 1) throw std::runtime_error("no");
    ++moves;
  }
};

}  // namespace

TEST_CASE("projection: an apply that throws ends the run, and the next goes on at that event", "[model]") {
  store_type store;
  must::append(store, Moved{"a", "b", 1}, Moved{"a", "b", 2}, Moved{"a", "b", 3});
  auto view = must::projection<Fragile>(store, "fragile");
  Fragile::fails = true;
  CHECK_THROWS_AS(view.run_once(), std::runtime_error);
  CHECK(view.scanned() == 1);
  CHECK(view.state().moves == 1);
  Fragile::fails = false;
  CHECK(view.run_once() == 3);
  CHECK(view.state().moves == 3);
}

namespace {

struct prefixed_ids final : must::id_source {
  std::string prefix{};
  int last = 0;
  std::string next(must::timestamp) override { return prefix + std::to_string(++last); }
};

}  // namespace

TEST_CASE("projection: a store that is restored under it is noticed at the next look, and at each", "[model]") {
  const auto add = [](store_type& store, const std::string& letters) {  // m: an event of the state, n: another
    for (const char letter : letters)
      letter == 'm' ? must::append(store, Moved{"a", "b", 1}) : must::append(store, Noted{"x"});
  };
  struct restored {
    std::string kept, grown;  // of "mmnn"
    bool is_noticed;
  };
  for (const auto& [kept, grown, is_noticed] :
       {restored{"m", "", true}, restored{"m", "mnn", true}, restored{"m", "mmmmm", true}, restored{"m", "nnnn", true},
        restored{"mmn", "", true}, restored{"mmn", "n", true}, restored{"mmn", "mm", true},
        restored{"mmnn", "m", false}}) {
    INFO(kept << " is restored, and grows by " << grown);
    prefixed_ids ids, backup_ids;
    must::testing::fixed_clock clock;  // What is copied was recorded at the same time.
    store_type before({.clock = &clock, .ids = &ids}), backup({.clock = &clock, .ids = &backup_ids});
    must_test::switchable_store store(before);
    auto view = must::projection<Balances>(store, "balances");
    add(before, "mmnn");
    CHECK(view.run_once() == 4);
    add(backup, kept);
    backup_ids.prefix = "new";
    add(backup, grown);
    store.switch_to(backup);
    for (int look = 0; look < 2; ++look)
      if (is_noticed) {
        CHECK_THROWS_AS(view.run_once(), must::history_changed);
        CHECK(view.state().moves == 2);
      } else {
        CHECK(view.run_once() == backup.head());
        CHECK(view.state().moves == 3);
      }
  }
}

TEST_CASE("projection: names and queries out of range are refused", "[model]") {
  store_type store;
  CHECK_THROWS_AS(must::projection<Balances>(store, ""), must::bad_input);
  CHECK_THROWS_AS(must::projection<Balances>(store, "x", must::query{must::query_item{}}), must::bad_input);
}

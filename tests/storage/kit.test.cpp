// SPDX-License-Identifier: MIT
// The storage kit: the arithmetic of a read, waiting, pools, batches, versions of a schema.
#include "must/storage/kit/batch.hpp"
#include "must/storage/kit/lease_pool.hpp"
#include "must/storage/kit/matching.hpp"
#include "must/storage/kit/read_window.hpp"
#include "must/storage/kit/schema_versions.hpp"
#include "must/storage/kit/wake_up.hpp"
#include "must/storage/memory.hpp"

#include "support/catch.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

namespace {

must::recorded<must::payload> record_at(must::position at) {
  must::recorded<must::payload> made;
  made.subject = at % 3 == 0 ? "" : "s";
  made.position = at;
  made.version = must::version(at % 3 == 0 ? 0 : at - at / 3);
  return made;
}

std::uint64_t any_of(std::mt19937_64& random, std::uint64_t most) {
  return std::uniform_int_distribution<std::uint64_t>(0, most)(random);
}

}  // namespace

TEST_CASE("read_window: a read has the result that its definition gives", "[storage]") {
  std::mt19937_64 random(1);
  for (int round = 0; round < 20'000; ++round) {
    must::read_options options;
    const auto head = any_of(random, 6);
    options.order = any_of(random, 1) == 0 ? must::direction::forwards : must::direction::backwards;
    options.after = any_of(random, 7);
    if (any_of(random, 1) == 0) options.until = any_of(random, 8);
    if (any_of(random, 1) == 0) options.limit = static_cast<std::int64_t>(any_of(random, 4));
    const auto stop_at = any_of(random, 12);
    const bool forwards = options.order == must::direction::forwards;

    // By the definition: the positions of (after, until] up to the head, in order.
    const auto end = std::min(options.until, head);
    std::vector<must::position> all;
    for (auto at = options.after + 1; at <= end; ++at) all.insert(forwards ? all.end() : all.begin(), at);
    must::read_result expected{head, forwards ? options.after : end, false};
    std::vector<must::position> visited;
    bool is_ended = options.limit == 0;
    for (std::size_t i = 0; i < all.size() && !is_ended; ++i) {
      visited.push_back(all[i]);
      expected.scanned = all[i];
      is_ended = all[i] == stop_at || static_cast<std::int64_t>(i) + 1 == options.limit.value_or(-1);
    }
    if (!is_ended) expected = {head, forwards ? end : options.after, true};

    std::vector<must::position> found;
    const auto visitor = [&](const must::recorded<must::payload>& one) {
      found.push_back(one.position);
      return one.position != stop_at;
    };
    must::kit::read_window window(options, head);
    while (!window.is_over()) {
      const auto one = record_at(forwards ? window.bounds().low : window.bounds().high);
      window.bounds().move_beyond(one);
      if (!window.visit(visitor, one)) break;
    }
    INFO("round " << round);
    REQUIRE(found == visited);
    REQUIRE(window.result() == expected);
  }
}

TEST_CASE("read_window: the versions of a window are in it, and so is an event without a stream", "[storage]") {
  must::kit::read_window window({.after_version = 2, .until_version = 4}, 9);
  const auto& bounds = window.bounds();
  CHECK(bounds.has_version(0));
  CHECK_FALSE(bounds.has_version(2));
  CHECK(bounds.has_version(3));
  CHECK(bounds.has_version(4));
  CHECK_FALSE(bounds.has_version(5));
  auto rest = bounds;
  rest.move_beyond_version(record_at(4));  // which has version 3
  CHECK(rest.low_version == 4);
  rest.order = must::direction::backwards;
  rest.move_beyond_version(record_at(5));  // which has version 4
  CHECK(rest.high_version == 3);
  CHECK(rest.empty());
}

TEST_CASE("wake_up: one of many that wait looks for all", "[storage][race]") {
  must::kit::wake_up waking;
  std::atomic<must::position> head{0};
  std::atomic<int> looks{0}, there{0};
  constexpr int threads = 16;
  const auto begin = std::chrono::steady_clock::now();
  {
    std::vector<std::jthread> waiting;
    for (int i = 0; i < threads; ++i)
      waiting.emplace_back([&] {
        there += waking.wait(5, must::duration(60'000'000), must::duration(1'000), {}, [&] {
          ++looks;
          return head.load();
        });
      });
    while (looks < 3 * threads) std::this_thread::yield();
    // Each has looked once; since then no more often than one that looks each millisecond.
    const auto passed =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin).count();
    CHECK(passed >= threads);
    head = 5;  // as another process does: nothing is published
  }
  CHECK(there == threads);
  CHECK_FALSE(waking.is_awaited());
}

TEST_CASE("wake_up: what was published is no more believed than what is stored, so that nobody spins after a restore",
          "[storage]") {
  must::kit::wake_up waking;
  waking.publish(1'000);
  int looks = 0;
  const auto look = [&]() -> must::position {
    ++looks;
    return 5;
  };
  CHECK_FALSE(waking.wait(7, must::duration(20'000), must::duration(5'000), {}, look));
  CHECK(looks <= 6);
  CHECK(waking.seen() == 5);
  CHECK(waking.wait(5, must::duration(0), must::duration(5'000), {}, look));
  waking.publish(7);
  CHECK(waking.seen() == 7);
}

TEST_CASE("wake_up: who looks hands over when it goes", "[storage][race]") {
  must::kit::wake_up waking;
  std::atomic<must::position> head{0};
  const auto look = [&] { return head.load(); };
  std::optional<bool> long_one;
  std::stop_source stop;
  {
    std::jthread first(
        [&] { waking.wait(9, must::duration(60'000'000), must::duration(500), stop.get_token(), look); });
    while (!waking.is_awaited()) std::this_thread::yield();
    std::jthread second([&] { long_one = waking.wait(5, must::duration(60'000'000), must::duration(500), {}, look); });
    stop.request_stop();
    first.join();
    head = 5;
  }
  CHECK(long_one == true);
}

TEST_CASE("wake_up: a publisher wakes, a timeout and a stop end, and what the look throws passes through",
          "[storage][race]") {
  must::kit::wake_up waking;
  const auto none = [] { return must::position{0}; };
  const must::duration never(std::int64_t{1} << 62);
  CHECK_FALSE(waking.wait(1, must::duration(0), never, {}, none));
  CHECK_FALSE(waking.wait(1, must::duration(2'000), must::duration(500), {}, none));
  CHECK_THROWS_AS(waking.wait(1, never, never, {}, []() -> must::position { throw std::runtime_error("no"); }),
                  std::runtime_error);
  CHECK_FALSE(waking.is_awaited());
  std::stop_source stop;
  stop.request_stop();
  CHECK_FALSE(waking.wait(1, never, never, stop.get_token(), none));
  std::atomic<must::position> stored{0};
  const auto look = [&] { return stored.load(); };
  for (must::position at = 1; at < 200; ++at) {
    std::jthread publisher([&] {
      stored = at;
      waking.publish(at);
    });
    CHECK(waking.wait(at, never, never, {}, look));
  }
  CHECK(waking.wait(100, must::duration(0), never, {}, look));
  CHECK(waking.seen() == 199);
}

namespace {

struct held {
  explicit held(std::atomic<int>& count) : of(&count) { ++*of; }
  held(const held&) = delete;
  held& operator=(const held&) = delete;
  ~held() { --*of; }
  std::atomic<int>* of;
  bool is_good = true;
};
struct is_good {
  bool operator()(held& one) const noexcept { return one.is_good; }
};

}  // namespace

TEST_CASE("lease_pool: no more than allowed are on loan, and what is not good does not come back", "[storage]") {
  std::atomic<int> count{0};
  const auto make = [&] { return std::make_unique<held>(count); };
  const auto now = [] { return std::chrono::steady_clock::now(); };
  must::kit::lease_pool<held, is_good> pool(2, 1);
  {
    auto first = pool.take(make), second = pool.take(make);
    CHECK(count == 2);
    CHECK_FALSE(pool.take(now() + std::chrono::milliseconds(1), make));
    first->is_good = false;
  }
  CHECK(count == 1);  // one is idle, the other was thrown away
  {
    auto again = pool.take(make);
    CHECK(count == 1);
    CHECK_THROWS_AS(pool.take([]() -> std::unique_ptr<held> { throw std::runtime_error("no"); }), std::runtime_error);
    CHECK(pool.take(now(), make));  // the place of what failed is free
    CHECK(count == 2);
  }
  CHECK(count == 1);
  pool.forget_idle();
  CHECK(count == 0);
}

TEST_CASE("lease_pool: threads that wait take what is given back", "[storage][race]") {
  std::atomic<int> count{0}, most{0};
  must::kit::lease_pool<held> pool(3, 3);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i)
      threads.emplace_back([&] {
        for (int n = 0; n < 200; ++n) {
          const auto one = pool.take([&] { return std::make_unique<held>(count); });
          for (int seen = most, is = count; is > seen && !most.compare_exchange_weak(seen, is);) {}
        }
      });
  }
  CHECK(most <= 3);
}

TEST_CASE("append_good: each item has its own result, and a storage_error is everybody's", "[storage]") {
  std::vector<must::batch_item<must::payload>> items(4);
  items[1].condition.after = 1;
  items[3].condition.after = 2;
  const auto check = [](const auto& item) {
    if (item.condition.after == 1) must::kit::refuse_input("after", "is 1");
    if (item.condition.after == 2) throw std::bad_alloc();
  };
  const auto results = must::kit::append_good<must::payload>(items, check, [](const auto& good) {
    std::vector<must::result<must::append_result>> done;
    for (std::size_t i = 0; i < good.size(); ++i) done.push_back(must::append_result(must::appended{i + 1, i + 1}));
    return done;
  });
  REQUIRE(results.size() == 4);
  CHECK(*results[0] == must::appended{1, 1});
  CHECK(results[1].error().code == must::error_code::bad_input);
  CHECK(*results[2] == must::appended{2, 2});
  CHECK(results[3].error().code == must::error_code::storage_error);
  CHECK_THROWS_AS(
      must::kit::item_result([]() -> must::append_result { must::raise({.code = must::error_code::storage_error}); }),
      must::storage_error);
}

TEST_CASE("why_not_usable: a schema that asks for a later release is refused with both versions", "[storage]") {
  using must::kit::schema_use;
  CHECK_FALSE(must::kit::why_not_usable(schema_use::read, 2, 2));
  CHECK(must::kit::why_not_usable(schema_use::read, 3, 2) ==
        "the schema needs a reader of version 3 at least; this release of must reads version 2");
  CHECK(must::kit::why_not_usable(schema_use::write, 3, 2) ==
        "the schema needs a writer of version 3 at least; this release of must writes version 2");
}

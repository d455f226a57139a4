// SPDX-License-Identifier: MIT
// Demand as a property: subscribers in threads of their own ask for random numbers of events, at random moments.
#include "must/delivery/stage.hpp"

#include "must/must.hpp"
#include "must/storage/memory.hpp"
#include "must/testing/suite/expect.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace {

struct Counted {
  int value;
};
using store_type = must::memory_store<Counted>;
using source_type = must::store_source<store_type>;
using record = source_type::value_type;
using numbers = std::vector<int>;

int value_of(const record& event) { return event.data.get<Counted>().value; }
void fill(store_type& store, int count) {
  for (int i = 0; i < count; ++i) must::append(store, Counted{i});
}

// Asks for random numbers of events, from the thread of the test and from within on_next; sees to it that no event
// comes that was not asked for.
class asker final : public must::stage_subscriber<record> {
 public:
  explicit asker(std::uint64_t seed) : random_(seed) {}
  void on_subscribe(std::shared_ptr<must::stage_subscription> to) override { subscription_ = std::move(to); }
  void on_next(const record& event) override {
    if (++received > asked) ++too_many;
    seen.push_back(value_of(event));
    if (value_of(event) % 7 == 0) ask(1);  // from whichever thread is at it
  }
  void on_error(const std::exception_ptr&) noexcept override { failed = true; }
  void on_complete() noexcept override { completed = true; }

  void ask(std::int64_t count) {
    asked += count;
    subscription_->request(count);
  }
  void ask_at_random(int times) {
    for (int i = 0; i < times; ++i) {
      const auto count = static_cast<std::int64_t>(random_() % 9);
      if (count == 0) {
        asked += 1;
        subscription_->poll(1, must::duration{1}, {});
      } else {
        ask(count);
      }
    }
    while (subscription_->poll(0, must::duration{1}, {}) && received < asked) {}
  }

  numbers seen{};
  std::atomic<std::int64_t> asked{0}, received{0};
  std::atomic<int> too_many{0};
  std::atomic<bool> failed{false}, completed{false};

 private:
  std::shared_ptr<must::stage_subscription> subscription_{};
  std::mt19937_64 random_;
};

// All ask at once, each in a thread of its own.
template <typename Subscribe>
std::vector<std::shared_ptr<asker>> ask_at_random(std::size_t askers, int times, std::uint64_t seed,
                                                  Subscribe&& subscribe) {
  std::vector<std::shared_ptr<asker>> all;
  for (std::size_t i = 0; i < askers; ++i) {
    all.push_back(std::make_shared<asker>(seed + i));
    subscribe(i, all.back());
  }
  {
    std::vector<std::jthread> threads;
    for (const auto& one : all) threads.emplace_back([&one, times] { one->ask_at_random(times); });
  }
  for (const auto& one : all) CHECK(one->too_many == 0);
  return all;
}
numbers from_zero(std::size_t count) {
  numbers all(count);
  std::iota(all.begin(), all.end(), 0);
  return all;
}

}  // namespace

TEST_CASE("GS1 stage: demand is never exceeded, whoever asks for how much and when", "[delivery][race]") {
  const auto seed = must::testing::suite::seed();
  INFO("MUST_TEST_SEED=" << seed);
  constexpr int count = 400;
  store_type store;
  fill(store, count);
  const source_type all_of_it(store, must::query::all(), {.live = false});

  SECTION("GS2 broadcast: each gets every event it asked for, at its own pace") {
    const must::broadcast_producer from(all_of_it);
    for (const auto& one : ask_at_random(4, 60, seed, [&](std::size_t, const auto& to) { from.subscribe(to); })) {
      const auto expected = std::min<std::size_t>(count, static_cast<std::size_t>(one->asked));
      CHECK(one->seen == from_zero(expected));
      CHECK_FALSE(one->failed);
    }
  }
  SECTION("demand: each event goes to one, and none is lost") {
    const must::demand_producer from(all_of_it);
    numbers seen;
    std::int64_t asked = 0;
    for (const auto& one : ask_at_random(4, 20, seed, [&](std::size_t, const auto& to) { from.subscribe(to); })) {
      CHECK(std::is_sorted(one->seen.begin(), one->seen.end()));
      seen.insert(seen.end(), one->seen.begin(), one->seen.end());
      asked += one->asked;
    }
    std::sort(seen.begin(), seen.end());
    CHECK(seen == from_zero(static_cast<std::size_t>(std::min<std::int64_t>(count, asked))));
  }
  SECTION("GS3 partition: nine tenths in one partition, and each gets what it asked for of its own") {
    const auto choose = [](const record& event) { return static_cast<std::size_t>(value_of(event) % 10 == 0 ? 1 : 0); };
    const must::partition_producer parts(all_of_it, 2, choose);
    const auto all = ask_at_random(4, 25, seed, [&](std::size_t i, const auto& to) { parts[i % 2].subscribe(to); });
    for (std::size_t i = 0; i < all.size(); ++i) {
      numbers expected;
      for (int value = 0; value < count; ++value)
        if ((value % 10 == 0) == (i % 2 == 1)) expected.push_back(value);
      expected.resize(std::min(expected.size(), static_cast<std::size_t>(all[i]->asked)));
      CHECK(all[i]->seen == expected);
    }
  }
}

TEST_CASE("GS3 stage: a partition that asks for nothing holds up no other, however skewed they are", "[delivery]") {
  constexpr int count = 2'000, every = 50;
  store_type store;
  fill(store, count);
  const must::partition_producer parts(source_type(store, must::query::all(), {.live = false}), 3,
                                       [](const record& event) -> std::optional<std::size_t> {
                                         if (value_of(event) == 1) return std::nullopt;
                                         return value_of(event) % every == 0 ? 1U : 0U;
                                       });
  const auto crowded = std::make_shared<asker>(0), rare = std::make_shared<asker>(0),
             empty = std::make_shared<asker>(0);
  parts[0].subscribe(crowded);
  parts[1].subscribe(rare);
  parts[2].subscribe(empty);
  rare->ask(count);
  CHECK(rare->seen.size() == count / every);
  CHECK(rare->completed);
  empty->ask(1);
  CHECK(empty->completed);
  CHECK(crowded->seen.empty());
  crowded->ask(3);
  CHECK(crowded->seen == numbers{2, 3, 4});
  CHECK_FALSE(crowded->completed);
}

TEST_CASE("GS1 stage: events that are stored meanwhile come to whoever asks, in order and once", "[delivery][race]") {
  const auto seed = must::testing::suite::seed();
  INFO("MUST_TEST_SEED=" << seed);
  constexpr int count = 500;
  store_type store;
  const must::broadcast_producer from(source_type(store, must::query::all()));
  const auto one = std::make_shared<asker>(seed);
  from.subscribe(one);
  std::atomic<bool> stored{false};
  std::jthread writer([&] {
    fill(store, count);
    stored = true;
  });
  std::jthread other([&] {
    for (int i = 0; i < 200; ++i) one->ask(1);  // from another thread
  });
  for (int i = 0; i < 100; ++i) one->ask_at_random(0);
  writer.join();
  other.join();
  one->ask(count);
  CHECK(one->too_many == 0);
  CHECK(one->seen == from_zero(count));
}

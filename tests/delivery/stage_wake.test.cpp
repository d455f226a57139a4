// SPDX-License-Identifier: MIT
// Consumers of several producers, and of producers that take their time.
#include "must/delivery/stage.hpp"

#include "support/catch.hpp"

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

namespace {

// A source that is idle until something is put into it. Its wait has no end but that, and a stop.
class slot {
 public:
  using value_type = int;
  static constexpr bool is_repeatable = true;  // each slot has one subscriber here

  void put(int value) const {
    const std::lock_guard lock(shared_->mutex);
    shared_->value = value;
    shared_->changed.notify_all();
  }
  template <typename Take>
  must::source_state pull(Take&& take) {
    std::unique_lock lock(shared_->mutex);
    const auto taken = std::exchange(shared_->value, std::nullopt);
    lock.unlock();
    if (!taken) return must::source_state::idle;
    return take(*taken) ? must::source_state::idle : must::source_state::more;
  }
  void wait(must::duration, const std::stop_token& stop) {
    std::unique_lock lock(shared_->mutex);
    shared_->changed.wait(lock, stop, [&] { return shared_->value.has_value(); });
  }

 private:
  struct shared {
    std::mutex mutex{};
    std::condition_variable_any changed{};
    std::optional<int> value{};
  };
  std::shared_ptr<shared> shared_ = std::make_shared<shared>();
};

// A producer that keeps its subscribers until it is told to begin.
struct late_producer {
  using value_type = int;
  void subscribe(const std::shared_ptr<must::stage_subscriber<int>>& to) const { *waiting = to; }
  void begin() const {
    must::broadcast_producer(must::function_source(
                                 [next = 0]() mutable -> std::optional<int> {
                                   if (next == 3) return std::nullopt;
                                   return next++;
                                 },
                                 must::repeatable))
        .subscribe(*waiting);
  }
  std::shared_ptr<std::shared_ptr<must::stage_subscriber<int>>> waiting =
      std::make_shared<std::shared_ptr<must::stage_subscriber<int>>>();
};

// Notes whether it was cancelled.
struct noting final : must::stage_subscription {
  void request(std::int64_t) noexcept override {}
  void cancel() noexcept override { is_cancelled = true; }
  bool poll(std::int64_t, must::duration, const std::stop_token&) noexcept override { return true; }
  bool wait(must::duration, const std::stop_token&) noexcept override { return true; }
  bool is_cancelled = false;
};

}  // namespace

TEST_CASE("consumer: of several idle producers the one that has an event wakes it", "[delivery][race]") {
  for (const std::size_t producers : {2U, 3U, 5U}) {
    CAPTURE(producers);
    const std::vector<slot> slots = [&] {
      std::vector<slot> made;
      for (std::size_t i = 0; i < producers; ++i) made.emplace_back();
      return made;
    }();
    std::atomic<int> handled{-1};
    auto consumer = must::make_consumer<int>([&](int value) {
      handled = value;
      handled.notify_all();
    });
    for (const auto& one : slots) consumer.subscribe_to(must::broadcast_producer(one), {.max_demand = 2});
    std::jthread runs([&](const std::stop_token& stop) { consumer.run(stop); });
    std::mt19937 random(7);
    for (int i = 0; i < 200; ++i) {
      slots[random() % producers].put(i);
      for (int seen = handled; seen != i; seen = handled) handled.wait(seen);
    }
    runs.request_stop();
    runs.join();
    CHECK(handled == 199);
  }
}

TEST_CASE("consumer: a producer may call on_subscribe after subscribe has returned", "[delivery][race]") {
  const bool alone = GENERATE(true, false);
  const late_producer late;
  const slot other;
  std::vector<int> seen;
  auto consumer = must::make_consumer<int>([&](int value) { seen.push_back(value); });
  consumer.subscribe_to(late);
  if (!alone) consumer.subscribe_to(must::broadcast_producer(other));
  const std::jthread begins([&] { late.begin(); });
  consumer.run();
  CHECK(seen == std::vector<int>{0, 1, 2});
}

TEST_CASE("consumer: a stop ends it though a producer never calls on_subscribe", "[delivery]") {
  const late_producer late;
  auto consumer = must::make_consumer<int>([](int) {});
  consumer.subscribe_to(late);
  std::stop_source stop;
  std::thread runs([&] { consumer.run(stop.get_token()); });
  stop.request_stop();
  runs.join();
}

TEST_CASE("consumer: one that is gone cancels a subscription that comes late", "[delivery]") {
  const late_producer late;
  {
    auto consumer = must::make_consumer<int>([](int) {});
    consumer.subscribe_to(late);
  }
  const auto one = std::make_shared<noting>();
  (*late.waiting)->on_subscribe(one);
  CHECK(one->is_cancelled);
}

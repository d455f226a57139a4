// SPDX-License-Identifier: MIT
#include "must/delivery/stage/stage_delivery.hpp"

#include "must/delivery/relay.hpp"
#include "must/delivery/stage.hpp"
#include "must/must.hpp"
#include "must/storage/memory.hpp"
#include "must/testing/suite/expect.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

struct Counted {
  std::string stream;
  int value;
};
using store_type = must::memory_store<Counted>;
using record = must::recorded<store_type::data_type>;
using stages_type = must::stage_delivery<record>;
using positions = std::vector<must::position>;

void fill(store_type& store, int count) {
  for (int i = 0; i < count; ++i) must::append(store, Counted{"s" + std::to_string(i % 5), i});
}
must::relay_options patient(std::size_t batch = 1, unsigned lanes = 1) {
  return {.batch = batch,
          .following = {.lanes = lanes,
                        .on_failure = {
                            .attempts = 1'000'000, .delay = must::duration{10}, .longest_delay = must::duration{100}}}};
}
void wait_until(const std::function<bool()>& holds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!holds()) {
    REQUIRE(std::chrono::steady_clock::now() < end);
    std::this_thread::yield();
  }
}

}  // namespace

TEST_CASE("stage_delivery: without a subscriber events are retriable, and the relay says why", "[delivery]") {
  store_type store;
  fill(store, 1);
  stages_type stages;
  auto relay = must::relay(store, "relay", must::query::all(), stages, {.following = {.on_failure = {.attempts = 1}}});
  try {
    relay.run_once();
    FAIL("it delivered");
  } catch (const must::storage_error& why) {
    CHECK(why.error().retryable);
    CHECK(why.error().message == "no stage has subscribed");
    CHECK(why.error().position == 1);
  }
}

TEST_CASE("stage_delivery: an event is not confirmed before its stage has handled it", "[delivery][race]") {
  store_type store;
  fill(store, 3);
  stages_type stages;
  std::atomic<bool> open{false}, inside{false};
  std::atomic<int> handled{0};
  auto consumer = must::make_consumer<record>([&](const record&) {
    inside = true;
    open.wait(false);
    ++handled;
  });
  consumer.subscribe_to(stages);
  std::jthread stage([&](const std::stop_token& stop) { consumer.run(stop); });
  auto relay = must::relay(store, "relay", must::query::all(), stages, patient());
  std::jthread follows([&](const std::stop_token& stop) { relay.run(stop); });
  wait_until([&] { return inside.load(); });
  CHECK(relay.health().scanned == 0);
  CHECK(stages.waiting() == 0);
  follows.request_stop();  // a stop waits for what is in the hands of a stage
  open = true;
  open.notify_all();
  follows.join();
  CHECK(relay.health().saved == static_cast<must::position>(handled));
}

TEST_CASE("stage_delivery: nothing is handed over that nobody asks for; a stop ends the wait, and loses nothing",
          "[delivery][race]") {
  const std::size_t batch = GENERATE(1U, 10U);
  store_type store;
  fill(store, 4);
  stages_type stages;
  positions seen;
  auto consumer = must::make_consumer<record>([&](const record& event) { seen.push_back(event.position); });
  consumer.subscribe_to(stages);  // and does not run
  {
    auto relay = must::relay(store, "relay", must::query::all(), stages, {.batch = batch});
    std::jthread follows([&](const std::stop_token& stop) { relay.run(stop); });
    wait_until([&] { return stages.waiting() == 1; });
    CHECK(seen.empty());
    follows.request_stop();
    follows.join();
    CHECK(relay.health().saved == 0);
    CHECK(relay.health().last_error.find("a stop was requested") != std::string::npos);
  }
  std::jthread stage([&](const std::stop_token& stop) { consumer.run(stop); });
  CHECK(must::relay(store, "relay", must::query::all(), stages, {.batch = batch}).run_once() == 4);
  stage = {};
  CHECK(seen == positions{1, 2, 3, 4});
}

TEST_CASE("stage_delivery: what a stage throws at comes again, to another stage", "[delivery][race]") {
  const std::size_t batch = GENERATE(1U, 10U);
  store_type store;
  fill(store, 5);
  stages_type stages;
  positions seen;
  std::atomic<bool> failed{false};
  const auto run = [&](bool fails) {
    auto consumer = must::make_consumer<record>([&](const record& event) {
      seen.push_back(event.position);
      if (fails && event.position == 3) throw std::runtime_error("not now");
    });
    consumer.subscribe_to(stages);
    try {
      consumer.run();
    } catch (const std::runtime_error&) {
      failed = true;
    }
  };
  std::jthread stage([&] {
    run(true);
    run(false);
  });
  auto relay = must::relay(store, "relay", must::query::all(), stages, patient(batch));
  CHECK(relay.run_once() == 5);
  CHECK(relay.health().retries > 0);
  stages.close();
  stage.join();
  CHECK(failed);
  CHECK(seen == positions{1, 2, 3, 3, 4, 5});
}

TEST_CASE("stage_delivery: what waits for a stage that goes is retriable", "[delivery][race]") {
  store_type store;
  fill(store, 2);
  record event;
  store.read(must::query::all(), {.limit = 1}, [&](const record& one) { event = one; });
  const auto* const one = &event;
  stages_type stages;
  auto consumer = std::make_unique<must::consumer<record, void (*)(const record&)>>([](const record&) {});
  consumer->subscribe_to(stages);
  must::delivery_answer answer;
  std::jthread waits([&] { stages.deliver(std::span(&one, 1), std::span(&answer, 1)); });
  wait_until([&] { return stages.waiting() == 1; });
  consumer.reset();
  waits.join();
  CHECK(answer.outcome == must::delivery_outcome::retriable);
}

TEST_CASE("stage_delivery: close, and its end, end the stages as their cancel mode says, and deliveries are fatal",
          "[delivery]") {
  const auto mode = GENERATE(must::cancel_mode::permanent, must::cancel_mode::transient, must::cancel_mode::temporary);
  store_type store;
  fill(store, 1);
  auto stages = std::make_unique<stages_type>();
  int told = 0, others = 0;
  auto consumer = must::make_consumer<record>([&](const record&) { ++others; });
  must::demand_options options{.cancel = mode};
  options.on_end = [&](const std::exception_ptr& why) {
    ++told;
    CHECK(why == nullptr);
  };
  consumer.subscribe_to(*stages, options);
  consumer.subscribe_to(must::broadcast_producer(must::store_source(store, must::query::all(), {.live = false})));
  if (GENERATE(false, true)) {
    stages->close();
    CHECK_THROWS_AS(must::relay(store, "relay", must::query::all(), *stages, patient()).run_once(),
                    must::undeliverable);
  } else {
    stages.reset();
  }
  consumer.run();
  CHECK(told == 1);
  CHECK(others == (mode == must::cancel_mode::permanent ? 0 : 1));
}

TEST_CASE("stage_delivery: stages that fail, stop and come back lose nothing, and keep the order of each key",
          "[delivery][race]") {
  const auto seed = must::testing::suite::seed();
  INFO("MUST_TEST_SEED=" << seed);
  constexpr int count = 300;
  store_type store;
  fill(store, count);
  stages_type stages;
  std::mutex mutex;
  std::map<std::string, positions> seen;
  std::atomic<std::size_t> failures{0};
  std::vector<std::jthread> threads;
  for (std::uint64_t who = 0; who < 3; ++who)
    threads.emplace_back([&, who](const std::stop_token& stop) {
      std::mt19937_64 random(seed + who);
      while (!stop.stop_requested()) {
        std::stop_source pause;
        const std::stop_callback forward(stop, [&] { pause.request_stop(); });
        auto consumer = must::make_consumer<record>([&](const record& event) {
          {
            const std::lock_guard lock(mutex);
            seen[event.subject].push_back(event.position);
          }
          const auto chance = random() % 20;
          if (chance == 0) {
            ++failures;
            throw std::runtime_error("not now");
          }
          if (chance < 4) pause.request_stop();
        });
        consumer.subscribe_to(stages, {.max_demand = static_cast<std::int64_t>(1 + random() % 3)});
        try {
          consumer.run(pause.get_token());
        } catch (const std::runtime_error&) {}
      }
    });
  const unsigned lanes = GENERATE(1U, 4U);
  const std::size_t batch = GENERATE(1U, 5U);
  CHECK(must::relay(store, "relay", must::query::all(), stages, patient(batch, lanes)).run_once() == count);
  threads.clear();
  std::size_t handled = 0;
  for (auto& [stream, all] : seen) {
    handled += all.size();
    CHECK(std::is_sorted(all.begin(), all.end()));
    const std::set<must::position> once(all.begin(), all.end());
    CHECK(once.size() == count / 5);
  }
  CHECK(handled == count + failures);
}

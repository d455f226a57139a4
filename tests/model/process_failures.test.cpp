// SPDX-License-Identifier: MIT
// Tests what a process manager does when its store fails, and when what it does at a deadline fails.
#include "must/codec/json.hpp"
#include "must/model/process_manager.hpp"
#include "must/model/process_manager/instance.hpp"
#include "must/must.hpp"
#include "must/storage/kit/decorator.hpp"
#include "must/storage/memory.hpp"
#include "must/subscriptions.hpp"
#include "must/testing/crashing_store.hpp"
#include "must/testing/fixed_origin.hpp"

#include "support/catch.hpp"
#include "support/error_of.hpp"
#include "support/notes.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace {

using must_test::Note;
using must_test::Noted;
using must_test::notes_in;
using must_test::Placed;

// Fails when it is told to, before an append.
struct failing_store : must::kit::decorator<must::memory_store<>> {
  using must::kit::decorator<must::memory_store<>>::decorator;
  must::append_result append(std::span<event> events, const must::append_condition& condition) {
    before(events[0]);
    return storage().append(events, condition);
  }
  bool put(std::string_view key, std::string_view bytes, std::uint64_t expected) {
    return storage().put(key, bytes, expected);
  }
  void append_batch(auto&&...) = delete;
  std::function<void(const event&)> before = [](const event&) {};
};

struct Reminder : must_test::follows_order {
  static inline std::string broken{};  // The order whose deadline fails.
  static inline int tries = 0;
  static inline std::function<void()> on_try{};  // What else happens at the deadline of that order.
  auto react(const Placed& event) const {
    return std::tuple(Note{event.order, "placed"}, must::process_deadline{"pay", std::chrono::hours(1)});
  }
  Note on_deadline(std::string_view name) const {
    if (order == broken) {
      ++tries;
      if (on_try) on_try();
      throw std::runtime_error("no reminder for " + order);
    }
    return {order, std::string(name)};
  }
};

// A store with two orders, of which "bad" has a deadline that fails.
struct two_orders {
  must::testing::fixed_clock clock{};
  must::memory_store<> store{{.clock = &clock}};
  two_orders() {
    must::append(store, Placed{"bad"}, Placed{"good"});
    Reminder::broken = "bad";
    Reminder::tries = 0;
  }
};

must::subscription_options on_failure(must::failure_action then, unsigned attempts = 1) {
  return {.save_interval = must::duration(1'000),
          .on_failure = {.attempts = attempts, .delay = must::duration(10), .then = then},
          .lease = must::duration(20'000)};
}
template <typename Manager>
void settle(Manager& manager, must::memory_store<>& store) {
  while (manager.run_once() < store.head()) {}
}

}  // namespace

TEST_CASE("process_manager: a failure of the store ends the run or is waited for, and parks no event", "[model]") {
  Reminder::broken.clear();
  for (const auto code : {must::error_code::storage_error, must::error_code::outcome_unknown})
    for (const std::string type : {"must.process.decided", "noted", "must.process.outcome"})
      for (const unsigned attempts : {1U, 2U}) {
        INFO(type);
        must::memory_store<> kept;
        must::append(kept, Placed{"one"}, Placed{"two"});
        failing_store store(kept);
        int left = code == must::error_code::outcome_unknown ? 3 : 1;
        store.before = [&](const auto& event) {
          if (event.type == type && left-- > 0)
            must::raise({.code = code, .message = "the disk is full", .operation = "append"});
        };
        auto manager =
            must::process_manager<Reminder>(store, "orders", on_failure(must::failure_action::park, attempts));
        if (code == must::error_code::storage_error)
          CHECK(must_test::error_of([&] { settle(manager, kept); }).message == "the disk is full");
        settle(manager, kept);
        CHECK(left < 0);
        CHECK(manager.parked().empty());
        CHECK(notes_in(kept) == std::vector<std::string>{"one: placed", "two: placed"});
      }
}

namespace {

struct Ticker : must_test::follows_order {
  auto react(const Placed&) const { return must::process_deadline{"tick", std::chrono::minutes(5)}; }
  auto on_deadline(std::string_view name) const {
    return std::tuple(Note{order, std::string(name)}, must::process_deadline{"tick", std::chrono::minutes(5)});
  }
};

}  // namespace

TEST_CASE("process_manager: deadlines five minutes apart are none that are due at once, though a clock was ahead",
          "[model]") {
  must::testing::fixed_clock clock;
  must::memory_store<> store({.clock = &clock});
  clock.advance(std::chrono::hours(24 * 30));
  must::append(store, Placed{"other"});
  clock.advance(std::chrono::hours(-24 * 30));
  must::append(store, Placed{"one"});
  auto manager = must::process_manager<Ticker>(store, "ticker");
  for (int i = 0; i < 5; ++i) {
    manager.run_once();
    clock.advance(std::chrono::minutes(5));
  }
  must::detail::model::process_instance one("ticker", "one");
  one.catch_up(store);
  CHECK(one.decisions().size() == 5);
  for (const auto& decision : one.decisions()) CHECK(decision.in_a_row == 0);
}

TEST_CASE("process_manager: a replay that waits for the store takes no more of the stack with each attempt",
          "[model]") {
  two_orders orders;
  failing_store store(orders.store);
  auto manager = must::process_manager<Reminder>(store, "orders", on_failure(must::failure_action::park));
  settle(manager, orders.store);
  orders.clock.advance(std::chrono::hours(2));
  settle(manager, orders.store);
  REQUIRE(manager.parked().size() == 1);
  Reminder::broken.clear();
  manager.replay_parked();
  std::vector<const void*> stack;
  store.before = [&](const auto&) {
    const char here = 0;
    stack.push_back(&here);
    if (stack.size() < 5)
      must::raise(
          {.code = must::error_code::storage_error, .message = "down", .operation = "append", .retryable = true});
    store.before = [](const auto&) {};
  };
  settle(manager, orders.store);
  CHECK(manager.parked().empty());
  REQUIRE(stack.size() == 5);
  CHECK(std::count(stack.begin(), stack.end(), stack.front()) == 5);
}

TEST_CASE("process_manager: a deadline that fails follows the policy for failures", "[model]") {
  two_orders orders;
  auto& clock = orders.clock;
  auto& store = orders.store;
  const std::vector<std::string> both_placed{"bad: placed", "good: placed"};
  const auto notes_after = [&](std::vector<std::string> more) {
    auto all = both_placed;
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  const auto pass = [&](must::failure_action then, unsigned attempts) {
    auto manager = must::process_manager<Reminder>(store, "orders", on_failure(then, attempts));
    settle(manager, store);
    clock.advance(std::chrono::hours(2));
    settle(manager, store);
    return manager.health();
  };

  SECTION("stop") {
    auto manager = must::process_manager<Reminder>(store, "orders", on_failure(must::failure_action::stop, 3));
    settle(manager, store);
    clock.advance(std::chrono::hours(2));
    CHECK_THROWS_WITH(settle(manager, store), "no reminder for bad");
    CHECK(Reminder::tries == 3);
    Reminder::broken.clear();
    settle(manager, store);
    CHECK(notes_in(store) == notes_after({"bad: pay", "good: pay"}));
  }
  SECTION("skip") {
    CHECK(pass(must::failure_action::skip, 2).skipped == 1);
    CHECK(Reminder::tries == 2);
    Reminder::broken.clear();
    CHECK(pass(must::failure_action::skip, 2).skipped == 0);
    CHECK(notes_in(store) == notes_after({"good: pay"}));
  }
  SECTION("park") {
    CHECK(pass(must::failure_action::park, 2).parked == 1);
    CHECK(Reminder::tries == 2);
    CHECK(notes_in(store) == notes_after({"good: pay"}));
    must::append(store, Placed{"bad"}, Placed{"good"});
    const auto health = pass(must::failure_action::park, 2);
    CHECK(Reminder::tries == 2);
    CHECK(health.parked == 1);
    CHECK(health.waiting_behind == 1);
    CHECK(notes_in(store) == notes_after({"good: pay", "good: placed", "good: pay"}));
    auto manager = must::process_manager<Reminder>(store, "orders", on_failure(must::failure_action::park));
    REQUIRE(manager.parked().size() == 1);
    const auto parked = manager.parked()[0];
    CHECK(parked.key == "bad");
    CHECK(parked.deadline == "pay");
    CHECK(parked.type == must::process_decided::type);
    CHECK(parked.reason == "no reminder for bad");
    CHECK_FALSE(parked.is_gone);
    CHECK(must::subscriptions(store).parked(must::follower::process_manager("orders")) ==
          std::vector<must::parked_event>{parked});
    CHECK(must_test::error_of([&] { manager.replay(parked.position); }).code == must::error_code::bad_input);

    manager.replay(parked);
    settle(manager, store);
    CHECK(Reminder::tries == 3);
    REQUIRE(manager.parked().size() == 1);
    CHECK(manager.parked()[0].attempts == 3);
    Reminder::broken.clear();
    SECTION("replay") {
      manager.replay(parked);
      settle(manager, store);
      CHECK(manager.parked().empty());
      CHECK(notes_in(store) == notes_after({"good: pay", "good: placed", "good: pay", "bad: pay", "bad: placed"}));
    }
    SECTION("skip what is parked") {
      manager.skip(parked);
      settle(manager, store);
      CHECK(manager.parked().empty());
      CHECK(notes_in(store) == notes_after({"good: pay", "good: placed", "good: pay", "bad: placed"}));
    }
    SECTION("drop what is parked") {
      manager.drop(parked);
      settle(manager, store);
      CHECK(manager.parked().empty());
      CHECK(notes_in(store) == notes_after({"good: pay", "good: placed", "good: pay"}));
      CHECK(pass(must::failure_action::park, 1).parked == 0);
      CHECK(notes_in(store) == notes_after({"good: pay", "good: placed", "good: pay"}));
    }
  }
}

TEST_CASE("process_manager: a deadline that ends the process is given up after some crashes", "[model]") {
  two_orders orders;
  auto& clock = orders.clock;
  auto& store = orders.store;
  auto how = on_failure(must::failure_action::park);
  how.on_failure.crashes = 3;
  auto first = must::process_manager<Reminder>(store, "orders", how);
  settle(first, store);
  clock.advance(std::chrono::hours(2));
  for (int i = 0; i < 8; ++i) {
    must::testing::crashing_store failing(store);
    Reminder::on_try = [&] { failing.crash_now(); };
    auto manager = must::process_manager<Reminder>(failing, "orders", how);
    try {
      settle(manager, store);
    } catch (const must::testing::crashed&) {}
  }
  Reminder::on_try = {};
  CHECK(Reminder::tries == 4);
  REQUIRE(first.parked().size() == 1);
  CHECK(first.parked()[0].reason.find("the process ended in each of 3 attempts") == 0);
  CHECK(notes_in(store) == std::vector<std::string>{"bad: placed", "good: placed", "good: pay"});
}

TEST_CASE("process_manager: a deadline that is parked as the process crashes is done once, wherever that is",
          "[model]") {
  for (int crash = 2; crash < 40; ++crash) {
    INFO(crash);
    two_orders orders;
    auto& clock = orders.clock;
    auto& store = orders.store;
    const auto parking = on_failure(must::failure_action::park, 2);
    must::testing::crashing_store failing(store);
    failing.crash_at(crash / 2, crash % 2 == 0);
    try {
      auto manager = must::process_manager<Reminder>(failing, "orders", parking);
      settle(manager, store);
      clock.advance(std::chrono::hours(2));
      settle(manager, store);
    } catch (const must::testing::crashed&) {}
    clock.advance(std::chrono::hours(2));
    auto manager = must::process_manager<Reminder>(store, "orders", parking);
    settle(manager, store);
    clock.advance(std::chrono::hours(2));
    settle(manager, store);
    CHECK(manager.parked().size() == 1);
    Reminder::broken.clear();
    manager.replay_parked();
    settle(manager, store);
    CHECK(manager.parked().empty());
    auto notes = notes_in(store);
    std::sort(notes.begin(), notes.end());
    CHECK(notes == std::vector<std::string>{"bad: pay", "bad: placed", "good: pay", "good: placed"});
  }
}

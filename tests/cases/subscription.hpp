// SPDX-License-Identifier: MIT
// What a subscription shows on every store: S1 to S8.
#pragma once

#include "must/subscription.hpp"
#include "must/testing/suite/expect.hpp"

#include "support/catch.hpp"
#include "support/error_of.hpp"
#include "support/soon.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace must_test {

// F: default-constructible, `store()` gives an empty CellStorage of payloads.
template <typename F>
struct subscription_cases {
  using store_type = must::testing::suite::store_of<F>;
  using record = must::recorded<must::payload>;
  using positions = std::vector<must::position>;

  static must::subscription_options quick(unsigned lanes = 1) {
    return {.lanes = lanes,
            .window = 8,
            .save_every = 4,
            .save_interval = must::duration(5'000),
            .on_failure = {.delay = must::duration(100), .longest_delay = must::duration(1'000)},
            .lease = must::duration(60'000)};
  }
  static void add(store_type& store, int count, const std::string& type = "wanted", const std::string& stream = "") {
    for (int i = 0; i < count; ++i)
      must::testing::suite::append<F>(
          store, must::testing::suite::event<F>(type, stream.empty() ? "s" + std::to_string(i % 3) : stream))
          .value();
  }
  static must::query wanted() { return must::query::of_types({"wanted"}); }
  static auto collect(positions& to) {
    return [&to](const record& event) { to.push_back(event.position); };
  }
  static void s1_starts() {
    F fixture;
    auto& store = fixture.store();
    add(store, 3);
    positions all, later, after;
    must::subscription from_head(store, "head", wanted(), collect(later), {.start = must::start_at::head()});
    must::subscription from_two(store, "two", wanted(), collect(after), {.start = must::start_at::after(2)});
    must::subscription from_origin(store, "origin", wanted(), collect(all));
    CHECK(from_head.run_once() == 3);
    CHECK(from_two.run_once() == 3);
    add(store, 1, "unwanted");
    add(store, 2);
    CHECK(from_head.run_once() == 6);
    CHECK(from_two.run_once() == 6);
    CHECK(from_origin.run_once() == 6);
    CHECK(later == positions{5, 6});
    CHECK(after == positions{3, 5, 6});
    CHECK(all == positions{1, 2, 3, 5, 6});

    positions again;
    must::subscription same_name(store, "origin", wanted(), collect(again), {.start = must::start_at::origin()});
    CHECK(same_name.run_once() == 6);
    CHECK(again.empty());
    CHECK(same_name.run_once({}, 3) == 6);
  }
  static void s2_hand_over(unsigned lanes) {
    F fixture;
    auto& store = fixture.store();
    add(store, 50);
    std::mutex mutex;
    std::map<std::string, positions> seen;
    must::subscription follows(
        store, "all", wanted(),
        [&](const record& event) {
          const std::lock_guard lock(mutex);
          seen[event.subject].push_back(event.position);
        },
        quick(lanes));
    {
      std::vector<std::jthread> writers;
      std::jthread runs([&](const std::stop_token& stop) { follows.run(stop); });
      for (int i = 0; i < 3; ++i)
        writers.emplace_back([&, i] {
          for (int n = 0; n < 60; ++n) add(store, 1, n % 4 == 0 ? "unwanted" : "wanted", "w" + std::to_string(i));
        });
      writers.clear();
      REQUIRE(follows.wait_until(store.head(), must::duration(60'000'000)));
    }
    std::map<std::string, positions> expected;
    for (const auto& one : must::testing::suite::read_all<F>(store, wanted()))
      expected[one.subject].push_back(one.position);
    CHECK(seen == expected);
    CHECK(follows.run_once() == store.head());
    CHECK(seen == expected);
  }
  static void s4_lanes() {
    F fixture;
    auto& store = fixture.store();
    add(store, 60);
    std::mutex mutex;
    std::map<std::string, positions> seen;
    std::atomic<int> begun{0};
    std::atomic<bool> go_on{false};
    must::subscription follows(
        store, "lanes", wanted(),
        [&](const record& event) {
          ++begun;
          if (event.position == 1)
            while (!go_on) std::this_thread::sleep_for(std::chrono::milliseconds(1));
          const std::lock_guard lock(mutex);
          seen[event.subject].push_back(event.position);
        },
        quick(3));
    std::jthread runs([&](const std::stop_token& stop) { follows.run(stop); });
    CHECK(soon([&] { return begun > 1; }));                      // beside the first, which has not ended
    std::this_thread::sleep_for(std::chrono::milliseconds(50));  // for what must not happen
    CHECK(begun <= 8);
    CHECK(follows.health().scanned == 0);
    CHECK(follows.health().saved == 0);
    CHECK(follows.health().in_flight > 0);
    go_on = true;
    REQUIRE(follows.wait_until(60, must::duration(60'000'000)));
    for (const auto& [stream, found] : seen) {
      CHECK(found.size() == 20);
      CHECK(std::is_sorted(found.begin(), found.end()));
    }
  }
  static void s5_nothing_matches(unsigned lanes) {
    F fixture;
    auto& store = fixture.store();
    add(store, 2);
    add(store, 5, "unwanted");
    std::atomic<int> handled{0};
    must::subscription follows(store, "one", wanted(), [&](const record&) { ++handled; }, quick(lanes));
    CHECK(follows.run_once() == 7);
    CHECK(follows.health().saved == 7);
    add(store, 5, "unwanted");
    CHECK(follows.run_once() == 12);
    CHECK(follows.health().saved == 12);
    CHECK(handled == 2);
    positions again;
    must::subscription same_name(store, "one", must::query::all(), collect(again));
    CHECK(same_name.run_once() == 12);
    CHECK(again.empty());
  }
  static void saves_after_a_time(unsigned lanes) {
    F fixture;
    auto& store = fixture.store();
    add(store, 3);
    auto how = quick(lanes);
    how.save_every = 1'000'000;
    how.window = 1'000;
    must::subscription follows(store, "one", wanted(), [](const record&) {}, how);
    const std::jthread runs([&](const std::stop_token& stop) { follows.run(stop); });
    CHECK(soon([&] { return follows.health().saved == 3; }));
    add(store, 1);
    CHECK(soon([&] { return follows.health().saved == 4; }));
    CHECK(follows.health().running);
  }
  static void s7_owners() {
    F fixture;
    auto& store = fixture.store();
    add(store, 3);
    auto how = quick();
    how.owner = "ann";
    how.lease = must::duration(3'000'000);
    std::atomic<bool> inside{false}, go_on{false};
    must::subscription first(
        store, "one", wanted(),
        [&](const record&) {
          inside = true;
          while (!go_on) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        },
        how);
    std::jthread runs([&] { first.run_once(); });
    CHECK(soon([&] { return inside.load(); }));
    positions seen;
    must::subscription second(store, "one", wanted(), collect(seen), quick());
    const auto why = error_of([&] { second.run_once(); });
    CHECK(why.code == must::error_code::not_owner);
    CHECK(why.message.find("\"ann\"") != std::string::npos);
    CHECK(error_of([&] { first.run_once(); }).field == "run");
    go_on = true;
    runs.join();
    CHECK(second.run_once() == 3);
    CHECK(seen.empty());
  }
  static void s8_history() {
    F source;
    add(source.store(), 5);
    positions seen;
    must::subscription(source.store(), "one", wanted(), collect(seen)).run_once();
    const auto saved = source.store().get("must/subscription/one");
    REQUIRE(saved);
    for (const int stored : {3, 5, 8}) {
      F other;
      add(other.store(), stored);
      REQUIRE(other.store().put("must/subscription/one", saved->bytes, 0));
      positions none;
      must::subscription restored(other.store(), "one", wanted(), collect(none));
      const auto why = error_of([&] { restored.run_once(); });
      CHECK(why.code == must::error_code::history_changed);
      CHECK(why.position == 5);
      CHECK(none.empty());
    }
  }

  static void stops_by_default() {
    F fixture;
    auto& store = fixture.store();
    add(store, 5);
    for (const unsigned lanes : {1U, 2U}) {
      std::atomic<bool> fails{true};
      std::atomic<int> handled{0}, third{0};
      must::subscription follows(
          store, "stop" + std::to_string(lanes), wanted(),
          [&](const record& event) {
            if (event.position == 3 && ++third > 0 && fails) throw std::runtime_error("not now");
            ++handled;
          },
          quick(lanes));
      CHECK_THROWS_AS(follows.run_once(), std::runtime_error);
      CHECK(third == 1);
      CHECK(follows.health().saved < 3);
      CHECK(follows.health().last_error.find("not now") != std::string::npos);
      fails = false;
      CHECK(follows.run_once() == 5);
      CHECK(third == 2);
      CHECK(handled >= 5);
    }
  }
  static void retries_skips_and_parks() {
    F fixture;
    auto& store = fixture.store();
    add(store, 7);  // of streams s0 s1 s2 s0 s1 s2 s0
    const auto run = [&](const std::string& name, must::failure_policy policy, bool& fails, positions& seen) {
      auto how = quick();
      policy.delay = must::duration(100);
      policy.longest_delay = must::duration(1'000);
      how.on_failure = std::move(policy);
      auto handler = [&](const record& event) {
        if (event.position == 1 && fails) throw std::runtime_error("bad");
        seen.push_back(event.position);
      };
      auto follows =
          std::make_unique<must::subscription<store_type, decltype(handler)>>(store, name, wanted(), handler, how);
      follows->run_once();
      return follows;
    };
    bool fails = true;
    {
      positions seen;
      CHECK_THROWS(run("retry", {.attempts = 3}, fails, seen));
      CHECK(seen.empty());
    }
    {
      positions seen;
      const auto follows = run("skip", {.attempts = 2, .then = must::failure_action::skip}, fails, seen);
      CHECK(seen == positions{2, 3, 4, 5, 6, 7});
      CHECK(follows->health().skipped == 1);
      CHECK(follows->health().retries == 1);
    }
    {
      positions seen;
      int asked = 0;
      must::failure_policy own;
      own.decide = [&](const must::failed_attempt& failed) {
        CHECK(failed.event == 1);
        CHECK(failed.key == "s0");
        return ++asked < 4 ? must::failure_action::retry : must::failure_action::skip;
      };
      static_cast<void>(run("own", own, fails, seen));
      CHECK(asked == 4);
    }
    for (const bool strict : {true, false}) {
      positions seen;
      fails = true;
      const auto follows = run(
          strict ? "strict" : "loose",
          {.attempts = 2, .then = strict ? must::failure_action::park : must::failure_action::park_loose}, fails, seen);
      CHECK(seen == (strict ? positions{2, 3, 5, 6} : positions{2, 3, 4, 5, 6, 7}));
      const auto parked = follows->parked();
      REQUIRE(parked.size() == 1);
      CHECK(parked[0].position == 1);
      CHECK(parked[0].key == "s0");
      CHECK(parked[0].reason == "bad");
      CHECK(parked[0].attempts == 2);
      CHECK(parked[0].strict == strict);
      seen.clear();
      follows->run_once();
      CHECK(seen.empty());
      fails = false;
      follows->replay_parked();
      follows->run_once();
      CHECK(seen == (strict ? positions{1, 4, 7} : positions{1}));
      CHECK(follows->parked().empty());
      follows->run_once();
      CHECK(seen.size() == (strict ? 3U : 1U));
    }
  }
  static void parks_no_more_than_allowed() {
    F fixture;
    auto& store = fixture.store();
    add(store, 4, "wanted", "a");
    auto how = quick();
    how.most_parked = 2;
    how.on_failure.then = must::failure_action::park_loose;
    must::subscription follows(store, "parks", wanted(), [](const record&) { throw std::runtime_error("bad"); }, how);
    CHECK_THROWS_AS(follows.run_once(), std::runtime_error);
    CHECK(follows.parked().size() == 2);
    CHECK(follows.health().saved == 2);
  }
  static void handlers_do_what_they_like() {
    F fixture;
    auto& store = fixture.store();
    add(store, 2);
    std::stop_source own;
    positions seen;
    must::subscription follows(
        store, "one", wanted(),
        [&](const record& event) {
          seen.push_back(event.position);
          if (event.position <= 2) add(store, 1);
          if (event.position == 3) own.request_stop();
        },
        quick());
    follows.run(own.get_token());
    CHECK(seen == positions{1, 2, 3});
    CHECK(follows.health().saved == 3);
    CHECK_FALSE(follows.health().running);
    CHECK(follows.run_once() == 4);
  }
  static void tells_its_health() {
    F fixture;
    auto& store = fixture.store();
    add(store, 9);
    std::vector<must::position> saved;
    auto how = quick();
    how.save_interval = must::duration(60'000'000);
    how.lease = must::duration(60'000'000);
    how.observer = [&](const must::subscription_health& now) { saved.push_back(now.saved); };
    must::subscription follows(store, "one", wanted(), [](const record&) {}, how);
    CHECK(follows.health().lag == 9);
    CHECK(follows.health().behind.microseconds >= 0);
    CHECK_FALSE(follows.health().stalled);
    follows.run_once();
    CHECK(saved == positions{4, 8});
    CHECK(follows.health().lag == 0);
    CHECK(follows.health().handled == 9);
    CHECK(follows.health().saved == 9);
    CHECK_FALSE(follows.wait_until(10, must::duration(1'000)));
  }

  static void all() {
    SECTION("S1, S5 starts at origin, head, or after a position, and saves what was scanned") { s1_starts(); }
    SECTION("S2 hands over from catch-up to live under load") { s2_hand_over(1); }
    SECTION("S2 hands over from catch-up to live under load, in lanes") { s2_hand_over(4); }
    SECTION("S4, S6 lanes keep the order of a key, the checkpoint and the window wait for the slowest") { s4_lanes(); }
    SECTION("S5 what does not match moves the checkpoint") { s5_nothing_matches(1); }
    SECTION("S5 what does not match moves the checkpoint, in lanes") { s5_nothing_matches(3); }
    SECTION("the checkpoint is saved after a time, however few events there were") { saves_after_a_time(1); }
    SECTION("the checkpoint is saved after a time, in lanes") { saves_after_a_time(3); }
    SECTION("S7 one follows at a time") { s7_owners(); }
    SECTION("S8 another history is noticed") { s8_history(); }
    SECTION("a failure stops it, and the event is the first of the next run") { stops_by_default(); }
    SECTION("failures are tried again, skipped and parked") { retries_skips_and_parks(); }
    SECTION("it parks no more than allowed") { parks_no_more_than_allowed(); }
    SECTION("a handler appends to the same store, and stops its own subscription") { handlers_do_what_they_like(); }
    SECTION("it tells its health, and the observer hears of each save") { tells_its_health(); }
  }
};

}  // namespace must_test

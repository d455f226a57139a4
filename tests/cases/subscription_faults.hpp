// SPDX-License-Identifier: MIT
// What a subscription must not lose, hide or repeat, on every store.
#pragma once

#include "must/subscription.hpp"
#include "must/subscriptions.hpp"
#include "must/testing/suite/expect.hpp"

#include "cases/subscription.hpp"
#include "support/catch.hpp"
#include "support/error_of.hpp"

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace must_test {

// F: default-constructible, `store()` gives an empty CellStorage of payloads.
template <typename F>
struct subscription_faults {
  using cases = subscription_cases<F>;
  using store_type = typename cases::store_type;
  using record = typename cases::record;
  using positions = typename cases::positions;

  static must::subscription_options parking(unsigned lanes = 1) {
    auto how = cases::quick(lanes);
    how.on_failure.then = must::failure_action::park;
    return how;
  }
  static void add(store_type& store, const std::string& id, const std::string& stream) {
    must::cloud_event one{.id = id, .source = "/test", .type = "wanted", .subject = stream};
    store.append(std::span(&one, 1), {}).value();
  }

  // --- parked events ---
  static void waiting_tells_what_is_parked() {
    F fixture;
    auto& store = fixture.store();
    for (int i = 0; i < 20; ++i) add(store, std::to_string(i), i == 19 ? "b" : "a");
    must::subscription follows(
        store, "one", cases::wanted(),
        [](const record& event) {
          if (event.position == 3) throw std::runtime_error("bad");
        },
        parking());
    follows.run_once();
    const auto begun = std::chrono::steady_clock::now();
    const auto waited = follows.wait_until(20, std::chrono::seconds(60));
    CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(30));
    CHECK_FALSE(waited);
    CHECK(waited.what() == must::wait_outcome::kind::parked);
    CHECK(waited.parked_at() == 3);
    CHECK(follows.wait_until(2, std::chrono::seconds(60)));
    CHECK(follows.health().parked == 1);
    CHECK(follows.health().waiting_behind == 16);
    const auto kept = must::subscriptions(store).find("one");
    REQUIRE(kept);
    CHECK(kept->parked == 1);
    CHECK(kept->waiting_behind == 16);
    CHECK(kept->last_error.find("bad") != std::string::npos);
    follows.run_once();
    CHECK(follows.health().waiting_behind == 16);
  }
  static void no_key_stops() {
    F fixture;
    auto& store = fixture.store();
    add(store, "1", "");
    add(store, "2", "");
    positions seen;
    const auto handler = [&](const record& event) {
      if (event.position == 1) throw std::runtime_error("bad");
      seen.push_back(event.position);
    };
    must::subscription follows(store, "one", cases::wanted(), handler, parking());
    const auto why = error_of([&] { follows.run_once(); });
    CHECK(why.message.find("partition key") != std::string::npos);
    CHECK(why.message.find("bad") != std::string::npos);
    CHECK(why.position == 1);
    CHECK(follows.parked().empty());
    auto how = parking();
    how.key_of = [](const must::event_head& event) { return event.id; };
    must::subscription keyed(store, "keyed", cases::wanted(), handler, how);
    CHECK(keyed.run_once() == 2);
    CHECK(seen == positions{2});
    REQUIRE(keyed.parked().size() == 1);
    CHECK(keyed.parked()[0].key == "1");
  }
  static void each_parked_event_by_hand() {
    F fixture;
    auto& store = fixture.store();
    for (const auto* stream : {"a", "b", "c", "d", "a", "b", "c", "d"})
      add(store, std::string(stream) + std::to_string(store.head()), stream);
    bool fails = true;
    positions seen;
    must::subscription follows(
        store, "one", cases::wanted(),
        [&](const record& event) {
          if (fails && event.position <= 4) throw std::runtime_error("bad");
          seen.push_back(event.position);
        },
        parking());
    must::subscriptions all(store);
    follows.run_once();
    CHECK(all.parked("one").size() == 4);
    CHECK(error_of([&] { all.replay("one", 5); }).field == "position");
    fails = false;
    all.replay("one", 1);
    all.skip("one", 2);
    all.drop("one", 3);
    follows.run_once();
    CHECK(seen == positions{1, 5, 6});
    CHECK(follows.health().skipped == 3);  // 2 alone, 3 with the one behind it
    REQUIRE(all.parked("one").size() == 1);
    CHECK(all.parked("one")[0].position == 4);
    CHECK(all.parked("one")[0].waiting == 1);
    follows.run_once();
    CHECK(all.parked("one").size() == 1);  // what was asked for is not done again
    all.replay_all("one");
    follows.run_once();
    CHECK(seen == positions{1, 5, 6, 4, 8});
    CHECK(follows.health().waiting_behind == 0);
  }
  static void a_narrower_query_loses_none() {
    F fixture;
    auto& store = fixture.store();
    add(store, "1", "a");
    cases::add(store, 1, "other", "a");
    must::subscription(
        store, "one", must::query::all(), [](const record&) { throw std::runtime_error("bad"); }, parking())
        .run_once();
    positions seen;
    must::subscription narrow(store, "one", must::query::of_types({"other"}), cases::collect(seen), parking());
    narrow.replay_parked();
    narrow.run_once();
    REQUIRE(narrow.parked().size() == 1);
    CHECK(narrow.parked()[0].position == 1);
    CHECK(narrow.parked()[0].reason.find("query") != std::string::npos);
    must::subscriptions(store).skip("one", 1);
    narrow.run_once();
    CHECK(narrow.parked().empty());
    CHECK(seen == positions{2});
  }

  // --- starts, resets, names ---
  static void starts_that_are_ahead() {
    F fixture;
    auto& store = fixture.store();
    for (int i = 0; i < 6; ++i) add(store, std::to_string(i), "a");
    positions seen;
    must::subscription ahead(store, "one", cases::wanted(), cases::collect(seen), {.start = must::start_at::after(8)});
    CHECK(error_of([&] { ahead.run_once(); }).field == "start");
    CHECK_FALSE(must::subscriptions(store).find("one"));
    must::subscription good(store, "one", cases::wanted(), cases::collect(seen), {.start = must::start_at::after(4)});
    CHECK(good.run_once() == 6);
    CHECK(seen == positions{5, 6});
  }
  static void resets_and_removes() {
    F fixture;
    auto& store = fixture.store();
    for (int i = 0; i < 6; ++i) add(store, std::to_string(i), "s" + std::to_string(i));
    bool fails = true;
    positions seen;
    const auto handler = [&](const record& event) {
      if (fails && event.position == 2) throw std::runtime_error("bad");
      seen.push_back(event.position);
    };
    must::subscription follows(store, "one", cases::wanted(), handler, parking());
    follows.run_once();
    must::subscriptions all(store);
    all.replay("one", 2);
    CHECK(error_of([&] { all.reset("one", must::start_at::after(7)); }).field == "from");
    CHECK(all.parked("one").size() == 1);
    all.reset("one", must::start_at::after(4));
    CHECK(all.parked("one").empty());
    CHECK(all.find("one")->checkpoint == 4);
    seen.clear();
    follows.run_once();
    CHECK(seen == positions{5, 6});
    all.remove("one");
    CHECK_FALSE(all.find("one"));
    CHECK(all.list().empty());
    seen.clear();
    fails = false;
    follows.run_once();
    CHECK(seen == positions{1, 2, 3, 4, 5, 6});
    REQUIRE(all.list().size() == 1);
    CHECK(all.list()[0].name.name() == "one");
    CHECK(all.list()[0].lag == 0);
  }
  static void names_do_not_collide() {
    F fixture;
    auto& store = fixture.store();
    for (int i = 0; i < 3; ++i) add(store, std::to_string(i), "a");
    std::map<std::string, positions> seen;
    const std::vector<std::string> names{"billing",          "billing/replay",   "billing/parked",
                                         "billing/lane/0",   "billing@1",        "process/billing",
                                         "billing%2Freplay", "billing/attempts", "billing/requests"};
    for (int round = 0; round < 2; ++round) {
      for (const auto& name : names) {
        must::subscription follows(
            store, name, cases::wanted(), [&](const record& event) { seen[name].push_back(event.position); },
            cases::quick());
        follows.replay_parked();
        follows.run_once();
      }
    }
    for (const auto& name : names) CHECK(seen[name] == positions{1, 2, 3});
    CHECK(must::subscriptions(store).list().size() == names.size());
  }
  // As an earlier release stored them.
  static void former_names_are_read() {
    F fixture;
    auto& store = fixture.store();
    for (int i = 0; i < 4; ++i) add(store, std::to_string(i), "a");
    const auto field = [](const std::vector<std::string>& all) { return must::detail::following::join_fields(all); };
    store.put("must/subscription/mails/eu", field({"1", "", "3", "1000", "3", "/test", "2", "", "1", "1"}), 0);
    store.put("must/subscription/mails/eu/parked", field({"1", "", "3", "1000", "0", "2", "a", "bad", "1", "1", "0"}),
              0);
    const must::subscription<store_type, void (*)(const record&)> looks(store, "mails/eu", must::query::all(),
                                                                        [](const record&) {});
    REQUIRE(looks.parked().size() == 1);
    CHECK(looks.parked()[0].position == 2);
    REQUIRE(must::subscriptions(store).find("mails/eu"));
    CHECK(must::subscriptions(store).find("mails/eu")->checkpoint == 3);
    positions seen;
    must::subscription follows(store, "mails/eu", cases::wanted(), cases::collect(seen), parking());
    CHECK(follows.run_once() == 4);
    CHECK(seen.empty());  // 4 waits behind 2
    follows.replay_parked();
    follows.run_once();
    CHECK(seen == positions{2, 3, 4});
    CHECK(must::subscriptions(store).list().size() == 1);
  }

  // --- a store that has lost its newest events ---
  static void a_lost_tail_is_noticed(unsigned lanes) {
    F before, after;
    for (int i = 0; i < 10; ++i) add(before.store(), "old" + std::to_string(i), "s" + std::to_string(i % 3));
    std::mutex mutex;
    positions seen;
    const auto handler = [&](const record& event) {
      const std::lock_guard lock(mutex);
      seen.push_back(event.position);
    };
    must::subscription(before.store(), "one", cases::wanted(), handler, cases::quick(lanes)).run_once();
    for (int i = 0; i < 20; ++i)
      add(after.store(), (i < 5 ? "old" : "new") + std::to_string(i), "s" + std::to_string(i % 3));
    for (const auto& key : before.store().list("must/subscription/"))
      after.store().put(key, before.store().get(key)->bytes, 0);
    seen.clear();
    must::subscription follows(after.store(), "one", cases::wanted(), handler, cases::quick(lanes));
    for (int run = 0; run < 3; ++run) {
      const auto why = error_of([&] { follows.run_once(); });
      CHECK(why.code == must::error_code::history_changed);
      CHECK(why.position == 10);
    }
    CHECK(seen.empty());
    must::subscriptions(after.store()).reset("one", must::start_at::after(5));
    follows.run_once();
    std::sort(seen.begin(), seen.end());
    positions expected;
    for (must::position at = 6; at <= 20; ++at) expected.push_back(at);
    CHECK(seen == expected);
  }

  static void all() {
    SECTION("waiting for what is parked, or waits, ends at once and says so") { waiting_tells_what_is_parked(); }
    SECTION("an event without a key is not parked before others") { no_key_stops(); }
    SECTION("each parked event is replayed, skipped or dropped by itself") { each_parked_event_by_hand(); }
    SECTION("a replay under a narrower query loses no parked event") { a_narrower_query_loses_none(); }
    SECTION("a start beyond the head is refused, with nothing stored") { starts_that_are_ahead(); }
    SECTION("a subscription is reset, and removed") { resets_and_removes(); }
    SECTION("no name reads the cells of another") { names_do_not_collide(); }
    SECTION("what stands under a former name is taken over") { former_names_are_read(); }
    SECTION("a store that has lost its newest events is noticed at every run") { a_lost_tail_is_noticed(1); }
    SECTION("a store that has lost its newest events is noticed at every run, in lanes") { a_lost_tail_is_noticed(3); }
  }
};

}  // namespace must_test

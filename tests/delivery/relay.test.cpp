// SPDX-License-Identifier: MIT
#include "must/delivery/relay.hpp"

#include "must/delivery/deduplicator.hpp"
#include "must/must.hpp"
#include "must/subscriptions.hpp"

#include "stores/memory.hpp"
#include "support/catch.hpp"
#include "support/inbox.hpp"

#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using fixture_type = must_test::delivered<must_test::memory_fixture, must_test::inbox>;
using cases = must::testing::suite::delivery_cases<fixture_type>;

struct throwing_twice {
  must_test::inbox& to;
  int left = 2;
  void deliver(std::span<const must::recorded<must::payload>* const> batch, std::span<must::delivery_answer> answers) {
    if (left > 0 && left-- > 0) throw std::runtime_error("no connection");
    to.deliver(batch, answers);
  }
};

}  // namespace

TEST_CASE("relay: with a batch several events are handed over at once, in order", "[delivery]") {
  fixture_type fixture;
  cases::store_events(fixture.store(), 200);
  auto relay = must::relay(fixture.store(), "relay", must::query::all(), fixture.delivery(), {.batch = 50});
  CHECK(relay.run_once() == 200);
  CHECK(fixture.inbox_.batches.size() < 200);
  cases::check_received(fixture, 0);
}

TEST_CASE("relay: a delivery that throws is tried again with the same events, in a batch too", "[delivery]") {
  for (const std::size_t batch : {1U, 50U}) {
    INFO(batch);
    fixture_type fixture;
    cases::store_events(fixture.store(), 100);
    throwing_twice delivery{fixture.delivery()};
    auto relay =
        must::relay(fixture.store(), "relay", must::query::all(), delivery,
                    {.batch = batch, .following = {.on_failure = {.attempts = 3, .delay = must::duration(100)}}});
    CHECK(relay.run_once() == 100);
    CHECK(relay.health().retries == 2);
    CHECK(delivery.left == 0);
    cases::check_received(fixture, 0);
  }
}

TEST_CASE("relay: a batch out of range is refused", "[delivery]") {
  fixture_type fixture;
  for (const std::size_t batch : {std::size_t{0}, std::size_t{100'001}})
    CHECK_THROWS_AS(must::relay(fixture.store(), "relay", must::query::all(), fixture.delivery(), {.batch = batch}),
                    must::bad_input);
}

TEST_CASE("relay: an outage is waited for, also where the options say what becomes of poison", "[delivery]") {
  fixture_type fixture;
  cases::store_events(fixture.store(), 3);
  struct down_at_first {
    decltype(fixture.delivery())& to;
    int left = 4;
    void deliver(std::span<const cases::record* const> batch, std::span<must::delivery_answer> answers) {
      if (left-- > 0) {
        answers.front() = {left % 2 == 0 ? must::delivery_outcome::retriable : must::delivery_outcome::unknown, "down"};
        return;
      }
      to.deliver(batch, answers);
    }
  } delivery{fixture.delivery()};
  auto relay =
      must::relay(fixture.store(), "relay", must::query::all(), delivery,
                  {.following = {.on_failure = {.delay = must::duration(1), .then = must::failure_action::park}}});
  CHECK(relay.run_once() == 3);
  CHECK(relay.health().retries == 4);
  CHECK(relay.health().parked == 0);
  cases::check_received(fixture, 0);
}

TEST_CASE("relay: the options of its subscription are members of its own, and leave 16 attempts", "[delivery]") {
  fixture_type fixture;
  cases::store_events(fixture.store(), 1);
  struct down {
    int calls = 0;
    void deliver(std::span<const cases::record* const>, std::span<must::delivery_answer> answers) {
      ++calls;
      answers.front() = {must::delivery_outcome::retriable, "down"};
    }
  } delivery;
  const must::subscription_options follows{.lanes = 2, .on_failure = {.delay = must::duration(1)}};
  auto relay = must::relay(fixture.store(), "relay", must::query::all(), delivery, {.following = follows});
  CHECK_THROWS_AS(relay.run_once(), must::storage_error);
  CHECK(delivery.calls == 16);
  CHECK(must::subscriptions(fixture.store()).find("relay")->lanes == 2);
  const must::relay_options none{.following = {.on_failure = {.attempts = 0}}};
  CHECK_THROWS_AS(must::relay(fixture.store(), "relay", must::query::all(), delivery, none), must::bad_input);
}

TEST_CASE("relay: batches full of poison cost each event about as much as one alone", "[delivery]") {
  fixture_type fixture;
  constexpr int count = 2'000;
  cases::store_events(fixture.store(), count);
  struct refusing {
    std::size_t handed = 0;
    void deliver(std::span<const cases::record* const> batch, std::span<must::delivery_answer> answers) {
      handed += batch.size();
      answers.front() = {must::delivery_outcome::poison, "no"};
    }
  } delivery;
  auto relay =
      must::relay(fixture.store(), "relay", must::query::all(), delivery,
                  {.batch = count,
                   .following = {.window = count, .on_failure = {.attempts = 1, .then = must::failure_action::skip}}});
  CHECK(relay.run_once() == count);
  CHECK(relay.health().skipped == count);
  CHECK(delivery.handed <= 3 * count);
}

TEST_CASE("relay: random poison in batches parks its key, and every other event arrives in the order of its key",
          "[delivery]") {
  std::mt19937 random(20'261'128);
  for (int history = 0; history < 50; ++history) {
    INFO(history);
    fixture_type fixture;
    cases::store_events(fixture.store(), 120);
    struct choosing {
      std::set<must::position> poison;
      std::map<std::string, std::vector<must::position>> got;
      void deliver(std::span<const cases::record* const> batch, std::span<must::delivery_answer> answers) {
        for (std::size_t i = 0; i < batch.size(); ++i) {
          if (poison.contains(batch[i]->position)) {
            answers[i] = {must::delivery_outcome::poison, "no"};
            return;
          }
          got[batch[i]->subject].push_back(batch[i]->position);
        }
      }
    } delivery;
    std::map<std::string, std::vector<must::position>> expected;
    std::map<std::string, std::uint64_t> waiting;
    const auto rate = std::uniform_int_distribution(5, 60)(random);
    for (const auto& one : must::events_in(fixture.store(), must::query::all())) {
      if (std::uniform_int_distribution(1, rate)(random) == 1) delivery.poison.insert(one.position);
      if (const auto behind = waiting.find(one.subject); behind != waiting.end())
        ++behind->second;
      else if (delivery.poison.contains(one.position))
        waiting[one.subject] = 0;
      else
        expected[one.subject].push_back(one.position);
    }
    auto relay = must::relay(
        fixture.store(), "relay", must::query::all(), delivery,
        {.batch = std::uniform_int_distribution<std::size_t>(2, 40)(random),
         .following = {
             .on_failure = {.attempts = 1, .delay = must::duration(10), .then = must::failure_action::park}}});
    CHECK(relay.run_once() == 120);
    CHECK(delivery.got == expected);
    std::map<std::string, std::uint64_t> found;
    for (const auto& one : relay.parked()) found[one.key] = one.waiting;
    CHECK(found == waiting);
  }
}

TEST_CASE("deduplicator: a repeat is recognised by source and id, as long as it is remembered", "[delivery]") {
  must::deduplicator known(2);
  CHECK(known.accept("a", "1"));
  CHECK_FALSE(known.accept("a", "1"));
  CHECK(known.accept("b", "1"));
  CHECK_FALSE(known.accept("a", "1"));  // is the newest again
  CHECK(known.accept("c", "1"));        // forgets that of b
  CHECK_FALSE(known.accept("a", "1"));
  CHECK(known.accept("b", "1"));
  known.forget("b", "1");
  CHECK(known.accept("b", "1"));
  CHECK_THROWS_AS(must::deduplicator(0), must::bad_input);
}

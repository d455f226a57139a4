// SPDX-License-Identifier: MIT
#include "must/must.hpp"
#include "must/storage/kit/polling.hpp"
#include "must/storage/memory.hpp"
#include "must/testing/crashing_store.hpp"
#include "must/testing/fixed_origin.hpp"

#include "cases/subscription.hpp"
#include "stores/flaky_store.hpp"
#include "stores/memory.hpp"
#include "stores/switchable_store.hpp"
#include "support/run_in_thread.hpp"

namespace {

using must_test::memory_fixture;
using cases = must_test::subscription_cases<memory_fixture>;

struct Opened {
  int number;
};
struct Closed {
  int number;
};

}  // namespace

TEST_CASE("subscription: an event of a store of structs that the handler does not name is never passed over",
          "[subscription]") {
  must::memory_store<Opened, Closed> store;
  must::append(store, Opened{1}, Opened{2}, Closed{3}, Opened{4});
  std::vector<int> seen;
  const auto handler = must::handler_of<Opened>([&](const Opened& event) { seen.push_back(event.number); });
  must::subscription stops(store, "stop", must::query::all(), handler);
  const auto why = must_test::error_of([&] { stops.run_once(); });
  CHECK(why.code == must::error_code::codec_error);
  CHECK(why.type == "Closed");
  CHECK(why.position == 3);
  CHECK(seen == std::vector{1, 2});
  seen.clear();
  must::subscription skips(store, "skip", must::query::all(), handler,
                           {.on_failure = {.then = must::failure_action::skip}});
  CHECK(skips.run_once() == 4);
  CHECK(skips.health().skipped == 1);
  CHECK(seen == std::vector{1, 2, 4});
  must::subscription asks_for_another(store, "get", must::query::all(),
                                      [](const auto& event) { static_cast<void>(event.data.template get<Closed>()); },
                                      {.on_failure = {.then = must::failure_action::park_loose}});
  CHECK(asks_for_another.run_once() == 4);
  CHECK(asks_for_another.parked().size() == 3);
}

TEST_CASE("subscription: options out of range are refused, each by its name", "[subscription]") {
  must::memory_store<> store;
  const auto field_of = [&](const std::string& name, must::subscription_options how) {
    return must_test::error_of([&] {
             must::subscription made(store, name, must::query::all(), [](const cases::record&) {}, std::move(how));
           })
        .field.str();
  };
  CHECK(field_of("", {}) == "name");
  CHECK(field_of(std::string(401, 'n'), {}) == "name");
  CHECK(field_of("n", {.lanes = 0}) == "lanes");
  CHECK(field_of("n", {.lanes = 1'025}) == "lanes");
  CHECK(field_of("n", {.window = 0}) == "window");
  CHECK(field_of("n", {.save_every = 0}) == "save_every");
  CHECK(field_of("n", {.save_interval = must::duration(0)}) == "save_interval");
  CHECK(field_of("n", {.poll_interval = must::duration(-1)}) == "poll_interval");
  CHECK(field_of("n", {.on_failure = {.attempts = 0}}) == "attempts");
  CHECK(field_of("n", {.on_failure = {.crashes = 0}}) == "crashes");
  CHECK(field_of("n", {.on_failure = {.then = must::failure_action::retry}}) == "then");
  CHECK(field_of("n", {.owner = std::string(401, 'o')}) == "owner");
  CHECK(field_of("n", {.lease = must::duration(0)}) == "lease");
}

TEST_CASE("subscription: the partition key of an event comes before its stream", "[subscription]") {
  must::recorded<must::payload> event;
  event.subject = "stream";
  CHECK(must::detail::following::partition_key(event) == "stream");
  event.extensions["partitionkey"] = std::string("key");
  CHECK(must::detail::following::partition_key(event) == "key");
}

TEST_CASE("subscription: a crash at any write of parking and of replaying loses no event and no order",
          "[subscription]") {
  using positions = cases::positions;
  for (const bool strict : {true, false})
    for (const bool while_parking : {true, false}) {
      bool crashed = true;
      for (int at = 1; crashed; ++at) {
        crashed = false;
        for (const bool stored : {true, false}) {
          memory_fixture fixture;
          auto& store = fixture.store();
          for (const auto* stream : {"a", "b", "a", "b", "a"}) cases::add(store, 1, "wanted", stream);
          must::testing::crashing_store failing(store);
          bool fails = true;
          std::map<std::string, positions> seen;
          const auto run = [&](auto& on) {
            auto how = cases::quick();
            how.lease = must::duration(2'000);
            how.on_failure.then = strict ? must::failure_action::park : must::failure_action::park_loose;
            must::subscription follows(
                on, "one", cases::wanted(),
                [&](const cases::record& event) {
                  if (fails && event.position <= 2) throw std::runtime_error("bad");
                  seen[event.subject].push_back(event.position);
                },
                how);
            follows.run_once();
            return follows.health().parked;
          };
          const auto run_until_crash = [&] {
            failing.crash_at(at, stored);
            try {
              run(failing);
            } catch (const must::testing::crashed&) {
              crashed = true;
            }
          };
          const auto replay = [&] {
            must::subscription(store, "one", cases::wanted(), [](const auto&) {}).replay_parked();
          };

          INFO((strict ? "strict" : "loose") << (while_parking ? ", parking" : ", replaying") << ", write " << at
                                             << (stored ? ", stored" : ", not stored"));
          if (while_parking) run_until_crash();
          CHECK(run(store) == 2);
          fails = false;
          replay();
          if (!while_parking) run_until_crash();
          replay();
          CHECK(run(store) == 0);

          std::map<std::string, positions> handled;  // each event where it came last
          for (const auto& [stream, all] : seen)
            for (const auto position : all) {
              CHECK(std::count(all.begin(), all.end(), position) <= 2);
              std::erase(handled[stream], position);
              handled[stream].push_back(position);
            }
          if (!strict)
            for (auto& [stream, all] : handled) std::sort(all.begin(), all.end());
          CHECK(handled == std::map<std::string, positions>{{"a", {1, 3, 5}}, {"b", {2, 4}}});
        }
        REQUIRE(at < 100);
      }
    }
}

TEST_CASE("subscription: live, a failure of the store that may pass is waited for, whichever operation it hits",
          "[subscription]") {
  using positions = cases::positions;
  for (const unsigned lanes : {1U, 2U})
    for (const bool done : {false, true}) {
      bool failed = true;
      for (int at = 1; failed; ++at) {
        INFO(lanes << " lanes, operation " << at << (done ? ", done" : ", not done"));
        memory_fixture fixture;
        for (const auto* stream : {"a", "b", "a", "b", "a", "a"}) cases::add(fixture.store(), 1, "wanted", stream);
        must_test::flaky_store store(fixture.store());
        auto how = cases::quick(lanes);
        how.save_every = 2;
        how.on_failure.attempts = 2;
        how.on_failure.then = must::failure_action::park_loose;
        std::mutex mutex;
        std::map<std::string, positions> seen;
        std::atomic<int> second{0};
        must::subscription follows(
            store, "one", cases::wanted(),
            [&](const cases::record& event) {
              if (event.position == 4 || (event.position == 2 && ++second == 1)) throw std::runtime_error("bad");
              const std::lock_guard lock(mutex);
              seen[event.subject].push_back(event.position);
            },
            how);
        store.fail_at(at, done);
        std::string ended;
        {
          std::jthread runs([&](const std::stop_token& stop) {
            try {
              follows.run(stop);
            } catch (const std::exception& why) {
              ended = why.what();
            }
          });
          REQUIRE(must_test::soon([&] {
            const std::lock_guard lock(mutex);
            return seen == std::map<std::string, positions>{{"a", {1, 3, 5, 6}}, {"b", {2}}};
          }));
          REQUIRE(must_test::soon(
              [&] { return follows.wait_until(6, must::duration(1'000)).what() == must::wait_outcome::kind::parked; }));
        }
        CHECK(ended.empty());
        failed = store.has_failed();
        store.fail_at(0, false);
        CHECK(follows.health().saved == 6);
        REQUIRE(follows.parked().size() == 1);
        CHECK(follows.parked()[0].position == 4);
        REQUIRE(at < 100);
      }
    }
}

TEST_CASE("subscription: a clock that jumps neither ends a lease nor makes an event older than new", "[subscription]") {
  must::testing::fixed_clock clock;
  must::memory_store<> store({.clock = &clock});
  cases::add(store, 2);
  auto how = cases::quick();
  how.lease = must::duration(3'000'000);
  cases::positions seen;
  must::subscription first(store, "one", cases::wanted(), cases::collect(seen), how);
  must::subscription second(store, "one", cases::wanted(), [](const cases::record&) {}, how);
  {
    std::jthread runs([&](const std::stop_token& stop) { first.run(stop); });
    REQUIRE(first.wait_until(2, must::duration(60'000'000)));
    clock.advance(std::chrono::hours(24 * 365));
    CHECK_THROWS_AS(second.run_once(), must::not_owner);
    clock.advance(std::chrono::hours(-2 * 24 * 365));
    cases::add(store, 1);
    CHECK(second.health().behind.microseconds >= 0);
    CHECK_FALSE(first.health().stalled);
    REQUIRE(first.wait_until(3, must::duration(60'000'000)));
  }
  CHECK(seen == cases::positions{1, 2, 3});
  CHECK(second.run_once() == 3);
}

TEST_CASE("subscription: health tells the age of the first event that waits, and that nothing moves",
          "[subscription][race]") {
  must::testing::fixed_clock clock;
  must::memory_store<> store({.clock = &clock});
  cases::add(store, 1);
  clock.advance(std::chrono::seconds(7));
  cases::add(store, 1);
  clock.advance(std::chrono::seconds(3));
  auto how = cases::quick();
  how.stalled_after = must::duration(20'000);
  std::atomic<bool> go_on{false};
  must::subscription follows(
      store, "one", cases::wanted(),
      [&](const cases::record&) {
        while (!go_on) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      },
      how);
  CHECK(follows.health().behind == must::duration(10'000'000));
  CHECK_FALSE(follows.health().stalled);  // it does not run
  const std::jthread runs([&](const std::stop_token& stop) { follows.run(stop); });
  CHECK(must_test::soon([&] { return follows.health().stalled; }));
  CHECK(follows.health().behind == must::duration(10'000'000));
  CHECK(follows.health().in_flight == 1);
  go_on = true;
  CHECK(follows.wait_until(2, must::duration(60'000'000)));
  CHECK(follows.health().behind == must::duration(0));
  CHECK_FALSE(follows.health().stalled);
}

TEST_CASE("subscription: the delay before another attempt doubles", "[subscription]") {
  must::memory_store<> store;
  cases::add(store, 1);
  auto how = cases::quick();
  how.on_failure = {.attempts = 4, .delay = must::duration(20'000)};
  std::vector<std::chrono::steady_clock::time_point> calls;
  must::subscription follows(
      store, "one", cases::wanted(),
      [&](const cases::record&) {
        calls.push_back(std::chrono::steady_clock::now());
        throw std::runtime_error("bad");
      },
      how);
  CHECK_THROWS(follows.run_once());
  REQUIRE(calls.size() == 4);
  for (std::size_t i = 1; i < calls.size(); ++i)  // what is drawn off is a half at the most
    CHECK(calls[i] - calls[i - 1] >= std::chrono::milliseconds(5 * (1 << i)));
}

TEST_CASE("subscription: looks for new events soon after one, then less and less often", "[subscription]") {
  must::kit::polling polling(must::duration(1'000));
  std::vector<std::int64_t> waits;
  for (const must::position at : std::vector<must::position>{0, 0, 7, 7, 7, 7, 7, 7, 7, 7, 8, 8})
    waits.push_back(polling.next(at).microseconds);
  CHECK(waits == std::vector<std::int64_t>{2, 4, 15, 30, 60, 120, 240, 480, 960, 1'000, 15, 30});
  must::kit::polling shortest(must::duration(1));
  CHECK(shortest.next(1).microseconds == 1);
  CHECK(shortest.next(1).microseconds == 1);
}

TEST_CASE("subscription: a store that has no wake-up is polled, also after another was put in its place",
          "[subscription][race]") {
  using polled = must_test::switchable_store<must::memory_store<>>;
  static_assert(!must::WaitableStorage<polled>);
  must::memory_store<> before, backup;
  polled store(before);
  cases::positions seen;
  auto how = cases::quick();
  how.poll_interval = must::duration(1'000);
  must::subscription follows(store, "one", cases::wanted(), cases::collect(seen), how);
  std::optional<must::error> ended;
  auto runs = must_test::run_in_thread(follows, ended);
  for (must::position at = 1; at <= 3; ++at) {
    cases::add(before, 1);
    CHECK(follows.wait_until(at, must::duration(60'000'000)));
  }
  cases::add(backup, 2);
  store.switch_to(backup);
  CHECK(must_test::soon([&] { return !follows.health().running; }));
  runs = {};
  REQUIRE(ended);
  CHECK(ended->code == must::error_code::history_changed);
  CHECK(seen == cases::positions{1, 2, 3});
}

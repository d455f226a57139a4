// SPDX-License-Identifier: MIT
// Tests what the next run of a subscription does with what a run began above its checkpoint.
#include "must/subscription.hpp"
#include "must/testing/crashing_store.hpp"

#include "cases/crash.hpp"
#include "cases/subscription.hpp"
#include "stores/all.hpp"
#include "support/soon.hpp"
#include "support/two_keys.hpp"

#include <atomic>
#include <functional>
#include <map>
#include <stdexcept>
#include <stop_token>
#include <string>

namespace {

// Runs two lanes. The first event, of the slow key, fails until the lane of the other key is ahead.
template <typename Store, typename Handler, typename IsAhead>
void leave_a_lane_ahead(typename must::testing::suite::store_of<Store>& store, const Handler& handler,
                        const IsAhead& is_ahead) {
  using cases = must_test::subscription_cases<Store>;
  auto how = cases::quick(2);
  how.lease = must::duration(5'000'000);
  how.on_failure.decide = [&](const must::failed_attempt& failed) {
    if (failed.event != 1) return must::failure_action::park;
    return is_ahead() ? must::failure_action::stop : must::failure_action::retry;
  };
  CHECK_THROWS_WITH(must::subscription(store, "ahead", cases::wanted(), handler, how).run_once(), "not now");
}

}  // namespace

EACH_STORE_TEST_CASE(with_transactions,
                     "subscription: an event of each store that is parked as the process crashes counts once, wherever "
                     "that is",
                     "[subscription]") {
  using cases = must_test::subscription_cases<Store>;
  using transaction = typename must::testing::suite::store_of<Store>::transaction;
  Store fixture;
  auto& store = fixture.store();
  const typename Store::counts counts(fixture);
  cases::add(store, 4, "wanted", "a");
  auto how = cases::quick();
  how.lease = must::duration(2'000);
  std::map<std::string, int> expected;
  for (const auto then : {must::failure_action::park, must::failure_action::park_loose})
    for (int crash = 2; crash < 24; ++crash) {
      const auto name = std::to_string(static_cast<int>(then)) + "/" + std::to_string(crash);
      for (int at = 1; at <= 4; ++at) expected[name + "/" + std::to_string(at)] = 1;
      how.on_failure.then = then;
      bool fails = true;
      const auto handler = [&](transaction& in, const typename cases::record& event) {
        counts.add(in, name + "/" + std::to_string(event.position));
        if (fails && event.position == 2) throw std::runtime_error("not now");
      };
      must::testing::crashing_store failing(store);
      failing.crash_at(crash / 2, crash % 2 == 0);
      try {
        must::subscription(failing, name, cases::wanted(), handler, how).run_once();
      } catch (const must::testing::crashed&) {}
      fails = false;
      for (int round = 0; round < 2; ++round) {
        must::subscription next(store, name, cases::wanted(), handler, how);
        next.replay_parked();
        CHECK(next.run_once() == 4);
      }
    }
  CHECK(counts.all() == expected);
}
EACH_STORE_TEST_CASE(with_transactions,
                     "subscription: what waits in a lane of each store that is ahead is handled when the parked event "
                     "is replayed first",
                     "[subscription][race]") {
  using cases = must_test::subscription_cases<Store>;
  using transaction = typename must::testing::suite::store_of<Store>::transaction;
  Store fixture;
  auto& store = fixture.store();
  const typename Store::counts counts(fixture);
  const must_test::two_keys keys;
  cases::add(store, 1, "wanted", keys.slow);
  cases::add(store, 4, "wanted", keys.quick);
  std::atomic<bool> fails{true};
  const auto handler = [&](transaction& in, const typename cases::record& event) {
    if (fails && event.position <= 2) throw std::runtime_error("not now");
    counts.add(in, std::to_string(event.position));
  };
  leave_a_lane_ahead<Store>(store, handler, [&] {
    const auto parked = must::subscription(store, "ahead", cases::wanted(), handler).parked();
    return !parked.empty() && parked[0].waiting == 3;
  });
  fails = false;
  must::subscription next(store, "ahead", cases::wanted(), handler, cases::quick(2));
  next.replay_parked();
  CHECK(next.run_once() == 5);
  CHECK(next.parked().empty());
  CHECK(counts.all() == must_test::each_once(5));
}
EACH_STORE_TEST_CASE(with_transactions,
                     "subscription: a stop while the lanes of before go on on each store leaves the rest to the next "
                     "run",
                     "[subscription][race]") {
  using cases = must_test::subscription_cases<Store>;
  using transaction = typename must::testing::suite::store_of<Store>::transaction;
  Store fixture;
  auto& store = fixture.store();
  const typename Store::counts counts(fixture);
  const must_test::two_keys keys;
  cases::add(store, 3, "wanted", keys.slow);
  cases::add(store, 2, "wanted", keys.quick);
  std::atomic<int> ahead{0};
  leave_a_lane_ahead<Store>(
      store,
      [&](transaction& in, const typename cases::record& event) {
        if (event.position == 1) throw std::runtime_error("not now");
        counts.add(in, std::to_string(event.position));
        if (event.position == 5) ++ahead;
      },
      [&] { return ahead > 0; });
  std::stop_source stop;
  auto how = cases::quick(1);
  how.save_every = 1;
  how.lease = must::duration(5'000'000);
  std::function<bool()> are_all_given;
  std::atomic<bool> were_all_given{false};
  bool is_stopping = true;
  const auto handler = [&](transaction& in, const typename cases::record& event) {
    if (is_stopping && stop.stop_requested())
      must::raise({.code = must::error_code::storage_error, .message = "not now", .retryable = true});
    counts.add(in, std::to_string(event.position));
    if (event.position != 1) return;
    were_all_given = must_test::soon(are_all_given);
    stop.request_stop();
  };
  must::subscription stopped(store, "ahead", cases::wanted(), handler, how);
  are_all_given = [&] { return stopped.health().in_flight == 3; };
  stopped.run_once(stop.get_token());
  CHECK(were_all_given);
  CHECK(counts.all() == std::map<std::string, int>{{"1", 1}, {"4", 1}, {"5", 1}});
  is_stopping = false;
  CHECK(must::subscription(store, "ahead", cases::wanted(), handler, how).run_once() == 5);
  CHECK(counts.all() == must_test::each_once(5));
}

// SPDX-License-Identifier: MIT
// Subscriptions on every store that other processes may open: killed, stopped, and in transactions.
#include "cases/crash.hpp"
#include "cases/subscription.hpp"
#include "cases/takeover.hpp"
#include "stores/all.hpp"

#include <atomic>
#include <stdexcept>
#include <string>

EACH_STORE_TEST_CASE(with_transactions,
                     "subscription: what a view on each store has handled in lanes ahead of others counts once, by "
                     "however many lanes it goes on",
                     "[subscription][race]") {
  Store fixture;
  auto& store = fixture.store();
  const typename Store::counts counts(fixture);
  for (int i = 0; i < 100; ++i)
    must_test::subscription_cases<Store>::add(store, 1, "wanted", "s" + std::to_string(i % 10));
  std::atomic<int> others{0};
  bool fails = true;
  const auto handler = [&](typename must::testing::suite::store_of<Store>::transaction& in,
                           const must::cloud_event& event) {
    if (event.subject != "s0")
      ++others;
    else if (fails)
      throw std::runtime_error("not now");
    counts.add(in, std::to_string(static_cast<const must::recorded<must::payload>&>(event).position));
  };
  must::subscription_options how{.lanes = 3, .save_every = 1, .lease = must::duration(60'000)};
  how.on_failure.delay = must::duration(1'000);
  how.on_failure.decide = [&](const must::failed_attempt&) {
    return others < 20 ? must::failure_action::retry : must::failure_action::stop;
  };
  CHECK_THROWS_WITH(must::subscription(store, "view", must::query::all(), handler, how).run_once(), "not now");
  CHECK(counts.all().size() > 1);
  fails = false;
  how.lanes = 2;
  CHECK(must::subscription(store, "view", must::query::all(), handler, how).run_once() == 100);
  CHECK(counts.all() == must_test::each_once(100));
}
EACH_STORE_TEST_CASE(with_processes, "subscription: killed at six points on each store, again and again",
                     "[subscription][process]") {
  must_test::killed_at_six_points<Store>();
}
EACH_STORE_TEST_CASE(with_processes, "subscription: killed views on each store count each event once",
                     "[subscription][process]") {
  must_test::killed_views_count_once<Store>();
}
EACH_STORE_TEST_CASE(with_processes, "subscription: an event that kills the process is given up on each store",
                     "[subscription][process]") {
  must_test::a_killer_is_given_up<Store>();
}
EACH_STORE_TEST_CASE(with_processes,
                     "subscription: an event that kills the process is given up on each store, whatever the lanes",
                     "[subscription][process]") {
  must_test::a_killer_in_lanes_is_given_up<Store>(4, 4);
  must_test::a_killer_in_lanes_is_given_up<Store>(4, 2);
  must_test::a_killer_in_lanes_is_given_up<Store>(1, 3);
}
EACH_STORE_TEST_CASE(with_processes,
                     "subscription: an owner that was stopped for too long writes nothing on each store",
                     "[subscription][process]") {
  must_test::a_paused_owner_writes_nothing<Store>();
}
EACH_STORE_TEST_CASE(with_processes, "subscription: killed when its lease is lost on each store, again and again",
                     "[subscription][process]") {
  must_test::killed_when_the_lease_is_lost<Store>();
}

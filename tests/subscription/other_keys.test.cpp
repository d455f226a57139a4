// SPDX-License-Identifier: MIT
// Tests that a subscription loses no event when a release gives events other keys, or asks for fewer of them.
#include "must/subscription.hpp"

#include "cases/crash.hpp"
#include "cases/subscription.hpp"
#include "stores/all.hpp"
#include "support/error_of.hpp"
#include "support/two_keys.hpp"

#include <atomic>
#include <map>
#include <stdexcept>
#include <stop_token>
#include <string>

namespace {

std::string other_key(const must::event_head& event) { return "of " + std::string(event.stream); }

}  // namespace

EACH_STORE_TEST_CASE(with_cells,
                     "subscription: what waits on each store behind a parked event stays when it has another key",
                     "[subscription]") {
  using cases = must_test::subscription_cases<Store>;
  Store fixture;
  auto& store = fixture.store();
  cases::add(store, 1, "wanted", "a");
  cases::add(store, 2, "also wanted", "a");
  bool fails = true;
  typename cases::positions handled;
  const auto handler = [&](const typename cases::record& event) {
    if (fails) throw std::runtime_error("not now");
    handled.push_back(event.position);
  };
  auto how = cases::quick();
  how.on_failure.then = must::failure_action::park;
  CHECK(must::subscription(store, "waits", must::query::all(), handler, how).run_once() == 3);
  fails = false;
  const auto replay = [&](const must::query& which) {
    must::subscription follows(store, "waits", which, handler, how);
    follows.replay_parked();
    CHECK(follows.run_once() == 3);
    return follows.parked();
  };
  how.key_of = other_key;
  for (const auto& which : {must::query::all(), cases::wanted()}) {
    const auto parked = replay(which);
    REQUIRE(parked.size() == 1);
    CHECK(parked[0].key == "a");
    CHECK(parked[0].waiting == 2);
    CHECK(parked[0].reason.find("key_of or query") != std::string::npos);
    how.key_of = {};
  }
  CHECK(handled == typename cases::positions{1});
  CHECK(replay(must::query::all()).empty());
  CHECK(handled == typename cases::positions{1, 2, 3});
}
EACH_STORE_TEST_CASE(with_transactions,
                     "subscription: another key_of is refused on each store while a lane is ahead, and loses no event",
                     "[subscription][race]") {
  using cases = must_test::subscription_cases<Store>;
  using transaction = typename must::testing::suite::store_of<Store>::transaction;
  Store fixture;
  auto& store = fixture.store();
  const typename Store::counts counts(fixture);
  const must_test::two_keys keys;
  cases::add(store, 2, "wanted", keys.slow);
  cases::add(store, 2, "wanted", keys.quick);
  std::atomic<int> done{0};
  std::atomic<bool> fails{true};
  const auto handler = [&](transaction& in, const typename cases::record& event) {
    if (fails && event.subject == keys.slow) throw std::runtime_error("not now");
    counts.add(in, std::to_string(event.position));
    if (event.position == 4) ++done;
  };
  auto how = cases::quick(2);
  how.lease = must::duration(60'000'000);
  how.on_failure.decide = [&](const must::failed_attempt&) {
    return done > 0 ? must::failure_action::stop : must::failure_action::retry;
  };
  const auto run = [&] { return must::subscription(store, "ahead", cases::wanted(), handler, how).run_once(); };
  CHECK_THROWS_WITH(run(), "not now");
  fails = false;
  how.key_of = [&](const must::event_head& event) { return event.stream == keys.slow ? keys.quick : keys.slow; };
  const auto error = must_test::error_of<must::bad_input>(run);
  CHECK(error.field == "key_of");
  how.key_of = {};
  CHECK(run() == 4);
  how.key_of = other_key;
  cases::add(store, 1, "wanted", keys.slow);
  CHECK(run() == 5);
  CHECK(counts.all() == must_test::each_once(5));
}

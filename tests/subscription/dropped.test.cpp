// SPDX-License-Identifier: MIT
// Tests that a parked event that was dropped or skipped is handled no more, though the process crashes after that.
#include "must/subscription.hpp"
#include "must/testing/crashing_store.hpp"

#include "cases/subscription.hpp"
#include "stores/all.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

EACH_STORE_TEST_CASE(
    with_cells,
    "subscription: a crash on each store after a parked event was dropped or skipped does not bring it "
    "back",
    "[subscription]") {
  using cases = must_test::subscription_cases<Store>;
  Store fixture;
  auto& store = fixture.store();
  cases::add(store, 3, "wanted", "a");
  auto how = cases::quick();
  how.save_every = 100;
  how.save_interval = must::duration(60'000'000);
  how.lease = must::duration(2'000);
  how.on_failure.then = must::failure_action::park_loose;
  int dropped = 0;
  for (const bool is_dropped : {false, true})
    for (int crash = 2; crash < 24; ++crash) {
      const auto name = std::to_string(static_cast<int>(is_dropped)) + "/" + std::to_string(crash);
      bool fails = true;
      typename cases::positions handled;
      const auto handler = [&](const typename cases::record& event) {
        if (fails && event.position == 2) throw std::runtime_error("not now");
        handled.push_back(event.position);
      };
      must::testing::crashing_store failing(store);
      must::subscription follows(failing, name, cases::wanted(), handler, how);
      const auto run = [&] {
        try {
          follows.run_once();
        } catch (const must::testing::crashed&) {}
      };
      // The first run ends as its checkpoint is to be saved. The event is parked by then.
      for (int write = 1; follows.parked().empty() && write < 200; ++write) {
        failing.crash_at(write, true);
        run();
      }
      REQUIRE(follows.parked().size() == 1);
      is_dropped ? must::subscription(store, name, cases::wanted(), handler, how).drop(2)
                 : must::subscription(store, name, cases::wanted(), handler, how).skip(2);
      fails = false;
      failing.crash_at(crash / 2, crash % 2 == 0);
      run();
      if (!follows.parked().empty()) continue;
      ++dropped;
      must::subscription next(store, name, cases::wanted(), handler, how);
      CHECK(next.run_once() == 3);
      CHECK(std::find(handled.begin(), handled.end(), 2) == handled.end());
    }
  CHECK(dropped > 0);
}

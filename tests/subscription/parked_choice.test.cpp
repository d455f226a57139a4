// SPDX-License-Identifier: MIT
// Tests that what is asked for one parked event is done to no other that stands at its position.
#include "must/subscription.hpp"

#include "cases/subscription.hpp"
#include "stores/all.hpp"

#include <stdexcept>
#include <stop_token>
#include <string>

EACH_STORE_TEST_CASE(with_cells,
                     "subscription: dropping a parked event of each store drops nothing that a replay has left behind "
                     "another",
                     "[subscription]") {
  using cases = must_test::subscription_cases<Store>;
  for (const bool by_position : {false, true}) {
    Store fixture;
    auto& store = fixture.store();
    for (const auto* stream : {"a", "b", "a", "b"}) cases::add(store, 1, "wanted", stream);
    bool fails = true;
    std::stop_source stop;
    typename cases::positions handled;
    const auto handler = [&](const typename cases::record& event) {
      if (fails) throw std::runtime_error("not now");
      handled.push_back(event.position);
      if (event.position == 1) stop.request_stop();
    };
    auto how = cases::quick();
    how.lease = must::duration(5'000'000);
    how.on_failure.then = must::failure_action::park;
    must::subscription follows(store, "two", cases::wanted(), handler, how);
    CHECK(follows.run_once() == 4);
    fails = false;
    follows.replay(1);
    follows.run_once(stop.get_token());  // What waits behind event 1 is left at position 2, where event 2 is parked.

    const auto parked = follows.parked();
    REQUIRE(parked.size() == 2);
    CHECK(parked[0].position == parked[1].position);
    for (const auto& one : parked) {
      if (one.key != "b") continue;
      by_position ? follows.drop(one.position) : follows.drop(one);
    }
    CHECK(follows.run_once() == 4);
    REQUIRE(follows.parked().size() == 1);
    CHECK(follows.parked()[0].key == "a");
    follows.replay(follows.parked()[0]);
    CHECK(follows.run_once() == 4);
    CHECK(follows.parked().empty());
    CHECK(handled == typename cases::positions{1, 3});
  }
}

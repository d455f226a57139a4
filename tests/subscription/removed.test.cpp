// SPDX-License-Identifier: MIT
// Tests what is left of a subscription that was removed.
#include "must/subscription.hpp"
#include "must/subscriptions.hpp"

#include "cases/subscription.hpp"
#include "stores/all.hpp"

#include <stdexcept>
#include <string>

EACH_STORE_TEST_CASE(with_cells,
                     "subscription: nothing of its events and failures is left on each store when it is removed",
                     "[subscription]") {
  using cases = must_test::subscription_cases<Store>;
  Store fixture;
  auto& store = fixture.store();
  cases::add(store, 3, "wanted", "of-a-person");
  bool fails = true;
  typename cases::positions handled;
  const auto handler = [&](const typename cases::record& event) {
    if (fails) throw std::runtime_error("no mail to of-a-person");
    handled.push_back(event.position);
  };
  auto how = cases::quick();
  how.on_failure.then = must::failure_action::park;
  for (const auto* name : {"removed", "removed/too", "kept"}) {
    must::subscription follows(store, name, cases::wanted(), handler, how);
    CHECK(follows.run_once() == 3);
    follows.replay_parked();
  }
  must::subscriptions all(store);
  all.remove("removed");
  CHECK_FALSE(all.find("removed"));
  CHECK(all.parked("removed").empty());
  for (const auto* name : {"removed/too", "kept"}) CHECK(all.parked(name).size() == 1);
  all.remove("removed/too");
  const auto beside = must::stored_names::subscription("removed").now;
  for (const auto& key : store.list(beside))
    CHECK(store.get(key).value().bytes.find("of-a-person") == std::string::npos);
  fails = false;
  must::subscription anew(store, "removed", cases::wanted(), handler, how);
  CHECK(anew.run_once() == 3);
  CHECK(handled == typename cases::positions{1, 2, 3});
  CHECK(must::subscription(store, "kept", cases::wanted(), handler, how).run_once() == 3);
  CHECK(all.parked("kept").empty());
}

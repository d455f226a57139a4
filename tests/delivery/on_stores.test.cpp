// SPDX-License-Identifier: MIT
// Deliveries on every store of the list: relays by each inbox, the stages that a store feeds, and inboxes.
#include "cases/inbox.hpp"
#include "cases/reactive_streams.hpp"
#include "stores/all.hpp"
#include "support/inbox.hpp"

EACH_STORE_TEST_CASE(with_cells, "relay: the delivery suite holds on each store", "[delivery][race]") {
  must_test::check_delivery<Store, must_test::inbox>();
}
EACH_STORE_TEST_CASE(plain_with_cells, "relay: the delivery suite holds on each store, into a pubsub",
                     "[delivery][race]") {
  must_test::check_delivery<Store, must_test::bus_inbox>();
}
EACH_STORE_TEST_CASE(plain_with_cells, "relay: the delivery suite holds on each store, into stages",
                     "[delivery][race]") {
  must_test::check_delivery<Store, must_test::stage_inbox>();
}
EACH_STORE_TEST_CASE(with_payloads, "stage: each store obeys Reactive Streams", "[delivery][race]") {
  must_test::check_reactive_streams<must_test::stored_producers<Store>>();
}
EACH_STORE_TEST_CASE(with_transactions, "inbox: work is done once for each event on each store", "[delivery][race]") {
  must_test::check_inbox<Store>();
}

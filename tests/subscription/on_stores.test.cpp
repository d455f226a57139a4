// SPDX-License-Identifier: MIT
// Subscriptions on every store of the list.
#include "cases/subscription.hpp"
#include "cases/unreadable.hpp"
#include "stores/all.hpp"

EACH_STORE_TEST_CASE(with_cells_or_log, "subscription: on each store", "[subscription][race]") {
  must_test::subscription_cases<Store>::all();
}
EACH_STORE_TEST_CASE(with_cells, "subscription: what cannot be read on each store is never passed over",
                     "[subscription]") {
  must_test::unreadable_cases<Store>::all();
}

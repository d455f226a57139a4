// SPDX-License-Identifier: MIT
// What a subscription must not lose, hide or repeat, on every store.
#include "cases/subscription_faults.hpp"
#include "stores/all.hpp"

EACH_STORE_TEST_CASE(plain_with_cells, "subscription: loses, hides and repeats nothing on each store",
                     "[subscription]") {
  must_test::subscription_faults<Store>::all();
}

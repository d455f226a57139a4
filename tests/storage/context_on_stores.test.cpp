// SPDX-License-Identifier: MIT
// context on every store that decorates no other: the storage suite beside a busy context.
#include "stores/all.hpp"
#include "stores/decorated.hpp"
#include "support/run_cases.hpp"

EACH_STORE_TEST_CASE(plain_with_cells,
                     "context: the storage suite holds on each store beside another that stores all the time",
                     "[storage]") {
  must_test::run_storage_cases<must_test::context_beside_another<Store>>(false);
}
EACH_STORE_TEST_CASE(
    with_cells, "context: the races of the storage suite hold on each store beside another that stores all the time",
    "[storage][race]") {
  must_test::run_storage_cases<must_test::context_beside_another<Store>>(true);
}

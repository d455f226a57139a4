// SPDX-License-Identifier: MIT
// The storage suite, and the order of checks, on every store of the list.
#include "cases/order_of_checks.hpp"
#include "stores/all.hpp"
#include "support/run_cases.hpp"

EACH_STORE_TEST_CASE(any_store, "storage: the suite holds on each store", "[storage]") {
  must_test::run_storage_cases<Store>(false);
}
EACH_STORE_TEST_CASE(any_store, "storage: the races of the suite hold on each store", "[storage][race]") {
  must_test::run_storage_cases<Store>(true);
}
EACH_STORE_TEST_CASE(plain_with_cells, "storage: each store checks an append in the one order", "[storage]") {
  must_test::check_order_of_checks<Store>();
}

// SPDX-License-Identifier: MIT
// cached on every store that decorates no other: the storage suite; contexts and caches in races, and followed.
#include "cases/decorator.hpp"
#include "stores/all.hpp"
#include "stores/decorated.hpp"
#include "support/run_cases.hpp"

EACH_STORE_TEST_CASE(plain_with_cells, "cached: the storage suite holds on each store", "[storage]") {
  must_test::run_storage_cases<must_test::cached_store<Store>>(false);
}
EACH_STORE_TEST_CASE(plain_with_cells, "context and cached: races and followers on each store", "[storage][race]") {
  must_test::decorator_cases<Store>::all();
}

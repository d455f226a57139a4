// SPDX-License-Identifier: MIT
// postgres_store: the SQL on the server keeps the order of checks that the storage kit has.
#include "must/storage/postgres.hpp"

#include "cases/order_of_checks.hpp"
#include "stores/postgres.hpp"
#include "support/catch.hpp"

TEST_CASE("postgres_store: the SQL on the server checks an append in the order of the kit", "[storage][postgres]") {
  if (!must_test::has_postgres()) return;
  must_test::check_order_of_checks<must_test::postgres_fixture>();
}

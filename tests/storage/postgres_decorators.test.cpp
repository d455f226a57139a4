// SPDX-License-Identifier: MIT
// context and cached on postgres_store: the storage suite, and races.
#include "cases/decorator.hpp"
#include "stores/decorated.hpp"
#include "stores/postgres.hpp"

TEST_CASE("context: the storage suite holds on postgres_store beside another that stores all the time",
          "[storage][postgres]") {
  if (!must_test::has_postgres()) return;
  must_test::run_storage_cases<must_test::context_beside_another<must_test::postgres_fixture>>(false);
}
TEST_CASE("context: the races of the storage suite hold on postgres_store beside another that stores all the time",
          "[storage][postgres][race]") {
  if (!must_test::has_postgres()) return;
  must_test::run_storage_cases<must_test::context_beside_another<must_test::postgres_fixture>>(true);
}
TEST_CASE("cached: the storage suite holds on postgres_store", "[storage][postgres]") {
  if (!must_test::has_postgres()) return;
  must_test::run_storage_cases<must_test::cached_store<must_test::postgres_fixture>>(false);
}
TEST_CASE("context and cached: races and followers on postgres_store", "[storage][postgres][race]") {
  if (!must_test::has_postgres()) return;
  must_test::decorator_cases<must_test::postgres_fixture>::all();
}

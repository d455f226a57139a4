// SPDX-License-Identifier: MIT
#include "cases/reactive_streams.hpp"
#include "stores/postgres.hpp"

TEST_CASE("stage: a postgres_store obeys Reactive Streams", "[delivery][race]") {
  if (!must_test::has_postgres()) return;
  must_test::check_reactive_streams<must_test::stored_producers<must_test::postgres_fixture>>();
}

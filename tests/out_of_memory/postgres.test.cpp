// SPDX-License-Identifier: MIT
// postgres_store where an allocation fails.
#include "must/storage/postgres.hpp"

#include "out_of_memory/failing_memory.hpp"
#include "stores/postgres.hpp"
#include "support/catch.hpp"

using namespace must_test;

TEST_CASE("postgres_store: an allocation that fails within a batch leaves each item whole, or not stored",
          "[postgres]") {
  if (!has_postgres()) return;
  postgres_fixture fixture;
  auto& store = fixture.store();
  fail_within_batches(store, false, 0, tagged_event);
}

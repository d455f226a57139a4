// SPDX-License-Identifier: MIT
#include "support/postgres_fixture.hpp"
#include "support/reactive_streams.hpp"

#include <optional>

namespace {

struct postgres_stage {
  auto producer(int count) { return must_test::stored_producer(fixture.store(), count); }
  must_test::postgres_fixture fixture{};
};

}  // namespace

TEST_CASE("stage: a postgres_store obeys Reactive Streams", "[delivery]") {
  if (!must_test::has_postgres()) return;
  must_test::check_reactive_streams<postgres_stage>();
}

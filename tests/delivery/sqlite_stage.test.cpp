// SPDX-License-Identifier: MIT
#include "cases/reactive_streams.hpp"
#include "stores/sqlite.hpp"

TEST_CASE("stage: a sqlite_store obeys Reactive Streams", "[delivery][race]") {
  must_test::check_reactive_streams<must_test::stored_producers<must_test::sqlite_fixture>>();
}

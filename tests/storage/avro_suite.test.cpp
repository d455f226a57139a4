// SPDX-License-Identifier: MIT
// avro_store: the whole suite, over files that are rotated.
#include "stores/avro.hpp"
#include "support/catch.hpp"
#include "support/run_cases.hpp"

TEST_CASE("avro_store: the suite holds over files of a few kilobytes", "[storage][avro]") {
  must_test::run_storage_cases<must_test::avro_fixture>(false);
}
TEST_CASE("avro_store: the races of the suite hold over files of a few kilobytes", "[storage][avro][race]") {
  must_test::run_storage_cases<must_test::avro_fixture>(true);
}

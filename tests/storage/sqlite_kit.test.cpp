// SPDX-License-Identifier: MIT
// sqlite_store: ids that are looked up late do not change the order of checks.
#include "must/storage/sqlite.hpp"

#include "cases/order_of_checks.hpp"
#include "support/catch.hpp"

namespace {

struct fixture {
  must::sqlite_store& store() { return store_; }
  must::sqlite_store store_{must::sqlite_options{.mode = must::sqlite_mode::in_memory}};
};

}  // namespace

TEST_CASE("sqlite_store: an append is checked in the order of the kit", "[storage][sqlite]") {
  must_test::check_order_of_checks<fixture>();
}

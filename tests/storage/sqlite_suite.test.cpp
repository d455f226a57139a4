// SPDX-License-Identifier: MIT
// sqlite_store: the storage suite where the store is in memory, has small pages, or indexes every tag at once.
#include "must/storage/sqlite.hpp"

#include "must/testing/storage_suite.hpp"

#include "support/catch.hpp"
#include "support/run_cases.hpp"

namespace {

constexpr must::testing::capabilities in_memory{.cells = true, .batches = true, .waiting = true, .transactions = true};

// Pages of three events, so that every read of the suite goes over their edges, and over that of the index of tags.
struct paged_fixture {
  static constexpr must::testing::capabilities capabilities = in_memory;
  must::sqlite_store& store() { return store_; }
  must::sqlite_store store_{
      {.mode = must::sqlite_mode::in_memory, .page_events = 3, .checkpoint_pages = 8, .unindexed_events = 5}};
};
struct in_memory_fixture {
  static constexpr must::testing::capabilities capabilities = in_memory;
  must::sqlite_store& store() { return store_; }
  must::sqlite_store store_{{.mode = must::sqlite_mode::in_memory}};
};
// As a file is where others read its tables.
struct indexed_fixture {
  static constexpr must::testing::capabilities capabilities = in_memory;
  must::sqlite_store& store() { return store_; }
  must::sqlite_store store_{{.mode = must::sqlite_mode::in_memory, .unindexed_events = 1}};
};

}  // namespace

TEST_CASE("sqlite_store: the storage suite holds in memory", "[sqlite]") {
  must_test::run_storage_cases<in_memory_fixture>(false);
}
TEST_CASE("sqlite_store: the storage suite holds in pages of three events", "[sqlite]") {
  must_test::run_storage_cases<paged_fixture>(false);
}
TEST_CASE("sqlite_store: the storage suite holds where no tag waits for its index", "[sqlite]") {
  must_test::run_storage_cases<indexed_fixture>(false);
}
TEST_CASE("sqlite_store: the races of the storage suite hold in memory", "[sqlite][race]") {
  must_test::run_storage_cases<in_memory_fixture>(true);
}

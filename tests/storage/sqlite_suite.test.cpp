// SPDX-License-Identifier: MIT
// sqlite_store: the storage suite, on a file and in memory.
#include "must/storage/sqlite.hpp"

#include "must/testing/storage_suite.hpp"

#include "stores/sqlite.hpp"
#include "support/catch.hpp"

#include <optional>
#include <utility>

namespace {

using namespace must_test;

constexpr must::testing::capabilities in_memory{.cells = true, .batches = true, .waiting = true, .transactions = true};

// The tags of some events are in the index, of the newest in memory; and the other store's newest are not the same.
struct file_fixture {
  static constexpr must::testing::capabilities capabilities{
      .cells = true, .batches = true, .waiting = true, .transactions = true, .shared = true, .durable = true};
  must::sqlite_store& store() { return *store_; }
  must::sqlite_store& other() {
    if (!other_) other_.emplace(on(folder.file(), 20));
    return *other_;
  }
  void reopen() { store_.emplace(on(folder.file())); }
  temporary_folder folder;
  std::optional<must::sqlite_store> store_{std::in_place, on(folder.file())}, other_{};
};
// Pages of three events, so that every read of the suite goes over their edges, and over that of the index of tags.
struct paged_fixture {
  static constexpr must::testing::capabilities capabilities = in_memory;
  must::sqlite_store& store() { return store_; }
  must::sqlite_store store_{
      {.mode = must::sqlite_mode::in_memory, .page_rows = 3, .checkpoint_pages = 8, .unindexed_events = 5}};
};
struct memory_fixture {
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

template <typename Fixture>
void run(bool races) {
  for (const auto& one : must::testing::storage_cases<Fixture>()) {
    if (one.is_race != races) continue;
    INFO(one.id << " " << one.says);
    CHECK_NOTHROW(one.run());
  }
}

}  // namespace

TEST_CASE("sqlite_store: the storage suite holds on a file", "[sqlite]") { run<file_fixture>(false); }
TEST_CASE("sqlite_store: the storage suite holds in memory", "[sqlite]") { run<memory_fixture>(false); }
TEST_CASE("sqlite_store: the storage suite holds in pages of three events", "[sqlite]") { run<paged_fixture>(false); }
TEST_CASE("sqlite_store: the storage suite holds where no tag waits for its index", "[sqlite]") {
  run<indexed_fixture>(false);
}
TEST_CASE("sqlite_store: the races of the storage suite hold on a file", "[sqlite][race]") { run<file_fixture>(true); }
TEST_CASE("sqlite_store: the races of the storage suite hold in memory", "[sqlite][race]") {
  run<memory_fixture>(true);
}

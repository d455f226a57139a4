// SPDX-License-Identifier: MIT
// context and cached on sqlite_store: the storage suite, and races.
#include "must/storage/sqlite.hpp"

#include "cases/decorator.hpp"
#include "stores/decorated.hpp"
#include "stores/sqlite.hpp"

#include <optional>
#include <utility>

namespace {

struct file_fixture {
  static constexpr must::testing::capabilities capabilities{
      .cells = true, .batches = true, .waiting = true, .transactions = true, .shared = true, .durable = true};
  must::sqlite_store& store() { return *store_; }
  must::sqlite_store& other() {
    if (!other_) other_.emplace(must_test::on(folder.file()));
    return *other_;
  }
  void reopen() { store_.emplace(must_test::on(folder.file())); }
  must_test::temporary_folder folder{};
  std::optional<must::sqlite_store> store_{std::in_place, must_test::on(folder.file())}, other_{};
};

}  // namespace

TEST_CASE("context: the storage suite holds on sqlite_store beside another that stores all the time", "[sqlite]") {
  must_test::run_storage_cases<must_test::context_beside_another<file_fixture>>(false);
}
TEST_CASE("context: the races of the storage suite hold on sqlite_store beside another that stores all the time",
          "[sqlite][race]") {
  must_test::run_storage_cases<must_test::context_beside_another<file_fixture>>(true);
}
TEST_CASE("cached: the storage suite holds on sqlite_store", "[sqlite]") {
  must_test::run_storage_cases<must_test::cached_store<file_fixture>>(false);
}
TEST_CASE("context and cached: races and followers on sqlite_store", "[sqlite][race]") {
  must_test::decorator_cases<file_fixture>::all();
}

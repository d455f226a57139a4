// SPDX-License-Identifier: MIT
#include "support/reactive_streams.hpp"
#include "support/sqlite_file.hpp"

#include <optional>

namespace {

struct sqlite_stage {
  auto producer(int count) {
    store.emplace(sqlite_tests::on(folder.file()));
    return must_test::stored_producer(*store, count);
  }
  sqlite_tests::temporary_folder folder{};
  std::optional<must::sqlite_store> store{};
};

}  // namespace

TEST_CASE("stage: a sqlite_store obeys Reactive Streams", "[delivery][race]") {
  must_test::check_reactive_streams<sqlite_stage>();
}

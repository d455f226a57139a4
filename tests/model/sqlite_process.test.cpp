// SPDX-License-Identifier: MIT
#include "support/process_cases.hpp"
#include "support/sqlite_file.hpp"

namespace {

struct sqlite_store_in_folder {
  must::sqlite_store& store() { return store_; }
  sqlite_tests::temporary_folder folder_{};
  must::sqlite_store store_{sqlite_tests::on(folder_.file())};
};

}  // namespace

TEST_CASE("process_manager: a crash at any write runs no command twice on sqlite_store", "[model]") {
  must_test::a_crashed_manager_runs_no_command_twice<sqlite_store_in_folder>();
}

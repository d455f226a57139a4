// SPDX-License-Identifier: MIT
#include "cases/process.hpp"
#include "stores/sqlite.hpp"

TEST_CASE("process_manager: a crash at any write runs no command twice on sqlite_store", "[model]") {
  must_test::a_crashed_manager_runs_no_command_twice<must_test::sqlite_fixture>();
}

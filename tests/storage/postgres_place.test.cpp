// SPDX-License-Identifier: MIT
// Where the server of the tests is, when they run in a folder that others may not enter.
#include "stores/postgres.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

TEST_CASE("postgres_server: it starts for tests in a folder that others may not enter", "[storage][postgres]") {
  const auto before = std::filesystem::current_path();
  std::string closed = (before / "closed_XXXXXX").string();
  REQUIRE(::mkdtemp(closed.data()) != nullptr);
  REQUIRE(::chmod(closed.c_str(), 0700) == 0);
  std::filesystem::current_path(closed);
  {
    const must_test::postgres_server server(must_test::postgres_setup{});
    std::filesystem::current_path(before);
    if (must_test::has_postgres(server)) {
      must_test::postgres_session session(server.conninfo());
      CHECK(session.ask("SELECT 40 + 2") == "42");
    }
  }
  std::filesystem::remove_all(closed);
}

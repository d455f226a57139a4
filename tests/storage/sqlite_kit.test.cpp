// SPDX-License-Identifier: MIT
// sqlite_store: transactions of the user's own.
#include "must/storage/sqlite.hpp"

#include "support/catch.hpp"

#include <sqlite3.h>

#include <cstdlib>
#include <stdexcept>

namespace {

struct fixture {
  must::sqlite_store& store() { return store_; }
  must::sqlite_store store_{must::sqlite_options{.mode = must::sqlite_mode::in_memory}};
};

}  // namespace

TEST_CASE("sqlite_store: with_transaction commits what was done, or nothing", "[storage][sqlite]") {
  fixture made;
  auto& store = made.store();
  const auto run = [](must::sqlite_transaction& in, const char* sql) {
    if (::sqlite3_exec(in.handle, sql, nullptr, nullptr, nullptr) != SQLITE_OK) throw std::runtime_error(sql);
  };
  store.with_transaction([&](auto& in) { run(in, "CREATE TABLE mine (n)"); });
  CHECK_THROWS_AS(store.with_transaction([&](auto& in) {
    run(in, "INSERT INTO mine VALUES (1)");
    throw std::runtime_error("no");
  }),
                  std::runtime_error);
  store.with_transaction([&](auto& in) { run(in, "INSERT INTO mine VALUES (2)"); });
  int rows = 0;
  store.with_transaction([&](auto& in) {
    const auto count = [](void* to, int, char** values, char**) {
      return *static_cast<int*>(to) = std::atoi(*values), 0;
    };
    ::sqlite3_exec(in.handle, "SELECT count(*) FROM mine WHERE n = 2", count, &rows, nullptr);
    CHECK_THROWS_AS(store.head(), must::storage_error);  // the callback does not call its own store
  });
  CHECK(rows == 1);
}

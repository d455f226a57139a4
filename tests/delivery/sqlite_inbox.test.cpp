// SPDX-License-Identifier: MIT
#include "cases/inbox.hpp"
#include "stores/sqlite.hpp"

using namespace must_test;

TEST_CASE("inbox: work is done once for each event on sqlite_store", "[delivery][race]") {
  const temporary_folder folder;
  must::sqlite_store store(on(folder.file()));
  execute(folder.file(), "CREATE TABLE counts(id TEXT PRIMARY KEY, count INTEGER)");
  must_test::check_inbox(
      store,
      [](must::sqlite_transaction& in, const std::string& id) {
        const auto sql = "INSERT INTO counts VALUES('" + id + "', 1) ON CONFLICT(id) DO UPDATE SET count = count + 1";
        if (::sqlite3_exec(in.handle, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
          throw std::logic_error(::sqlite3_errmsg(in.handle));
      },
      [&](const std::string& id) {
        const auto found = texts(folder.file(), "SELECT count FROM counts WHERE id = '" + id + "'");
        return found.empty() ? 0 : std::stoi(found[0]);
      });
}

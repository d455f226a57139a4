// SPDX-License-Identifier: MIT
#include "cases/inbox.hpp"
#include "stores/postgres.hpp"

TEST_CASE("inbox: work is done once for each event on postgres_store", "[delivery][race]") {
  if (!must_test::has_postgres()) return;
  must_test::postgres_fixture fixture;
  const auto table = fixture.schema_.name + ".counts";
  must_test::postgres_session session;
  session.ask("CREATE TABLE " + table + "(id text PRIMARY KEY, count integer)");
  must_test::check_inbox(
      fixture.store(),
      [&](must::postgres_store::transaction& in, const std::string& id) {
        must_test::postgres_session::ask(in.handle, "INSERT INTO " + table + " AS t VALUES('" + id +
                                                        "', 1) ON CONFLICT(id) DO UPDATE SET count = t.count + 1");
      },
      [&](const std::string& id) {
        const auto found = session.ask("SELECT count FROM " + table + " WHERE id = '" + id + "'");
        return found.empty() ? 0 : std::stoi(found);
      });
}

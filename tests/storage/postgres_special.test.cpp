// SPDX-License-Identifier: MIT
// postgres_store: transactions with callbacks, plans, waiting, names, large payloads.
#include "must/storage/postgres.hpp"

#include "must/must.hpp"

#include "stores/postgres.hpp"
#include "support/catch.hpp"
#include "support/error_of.hpp"

#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using fixture = must_test::postgres_fixture;
using must::testing::suite::append;
using must::testing::suite::event;
using must::testing::suite::positions;
using must_test::error_of;
using must_test::has_postgres;
using must_test::options_for;
using must_test::postgres_session;
using must_test::scratch_schema;
using transaction = must::postgres_store::transaction;

must::cloud_event one_event() { return event<fixture>("a", "s", {"t"}); }

}  // namespace

TEST_CASE("postgres_store: what a callback does is stored with the append, or not at all", "[storage][postgres]") {
  if (!has_postgres()) return;
  fixture here;
  auto& store = here.store();
  postgres_session session;
  const auto view = here.schema_.name + ".view";
  session.ask("CREATE TABLE " + view + " (n int)");
  const auto insert = [&](transaction& in) { postgres_session::ask(in.handle, "INSERT INTO " + view + " VALUES (1)"); };
  const auto rows = [&] { return session.ask("SELECT count(*) FROM " + view); };
  auto one = one_event();
  const std::span events(&one, 1);

  CHECK_THROWS_AS(store.append_with(events, {},
                                    [&](transaction& in) {
                                      insert(in);
                                      throw std::domain_error("no");
                                    }),
                  std::domain_error);
  CHECK(store.head() == 0);
  CHECK(rows() == "0");
  CHECK(store.append_with(events, {}, insert).value() == must::appended{1, 1});
  CHECK(rows() == "1");
  CHECK(store.append_with(events, {}, insert).value() == must::appended{1, 1});  // a repeat
  CHECK(rows() == "1");
  auto other = one_event();
  const std::span others(&other, 1);
  CHECK_FALSE(store.append_with(others, {.query = must::query::of_tags({"t"})}, insert));
  CHECK(rows() == "1");
  const auto code_of = [&](const must::postgres_store::callback& then) {
    try {
      static_cast<void>(store.append_with(others, {}, then));
    } catch (const must::storage_error& why) {
      return why.error().backend_code.str();
    }
    return std::string("none");
  };
  CHECK(code_of([](transaction& in) { PQclear(PQexec(in.handle, "SELECT 1/0")); }) == "25P02");
  CHECK(code_of([](transaction& in) { PQclear(PQexec(in.handle, "ROLLBACK")); }) == "2D000");
  CHECK(store.head() == 1);

  CHECK_THROWS_AS(store.put_with("k", "v", 0,
                                 [&](transaction& in) {
                                   insert(in);
                                   throw std::domain_error("no");
                                 }),
                  std::domain_error);
  CHECK_FALSE(store.get("k"));
  CHECK(store.put_with("k", "v", 0, insert));
  CHECK(rows() == "2");
  CHECK_FALSE(store.put_with("k", "v", 0, insert));
  CHECK(rows() == "2");
  std::string planner;
  CHECK(store.put_with("k", "w", 1,
                       [&](transaction& in) { planner = postgres_session::ask(in.handle, "SHOW enable_seqscan"); }));
  CHECK(planner == "on");
  CHECK(store.get("k") == must::cell{"w", 2});
}

TEST_CASE("postgres_store: no read and no condition ever scans the log", "[storage][postgres]") {
  if (!has_postgres()) return;
  const scratch_schema schema;
  postgres_session session;
  const auto scans = [&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(1'200));  // until the statistics are in
    return session.ask("SELECT coalesce(sum(seq_scan), 0) FROM pg_stat_user_tables WHERE schemaname = '" + schema.name +
                       "' AND relname IN ('event', 'tag')");
  };
  const auto touched = [&](const std::string& column) {
    return std::stol(session.ask("SELECT coalesce(sum(" + column +
                                 "), 0) FROM pg_stat_user_indexes WHERE schemaname = '" + schema.name + "'"));
  };
  long before = 0;
  {
    must::postgres_store store(options_for(schema.name));
    for (int batch = 0; batch < 10; ++batch) {
      std::vector<must::cloud_event> events;
      for (int i = 0; i < 2'000; ++i)
        events.push_back(event<fixture>("hot", "s" + std::to_string(i % 2), {"hot", "n" + std::to_string(i)}));
      append<fixture>(store, std::move(events)).value();
    }
    append<fixture>(store, event<fixture>("rare", "own", {"hot", "rare"})).value();
  }
  const auto built = scans();  // making an index scans a table that is empty
  before = touched("idx_tup_read");
  {
    auto options = options_for(schema.name);
    options.connections = 1;
    must::postgres_store store(options);
    const std::vector<must::query> queries{
        must::query::of_tags({"rare"}),
        must::query::of_tags({"hot", "rare"}),
        must::query::of_types({"rare"}),
        must::query::of_stream("own"),
        must::query{{.types = {"rare"}, .tags = {"rare"}}},
        must::query{{.types = {"rare"}, .stream = "own"}},
        must::query{{.tags = {"hot"}, .stream = "own"}},
        must::query::of_types({"rare"}) | must::query::of_tags({"rare", "hot"}) | must::query::of_stream("own")};
    for (const auto& which : queries)
      for (int i = 0; i < 8; ++i) {
        const bool backwards = i % 2 == 1;
        const auto found = positions<fixture>(
            store, which, {.order = backwards ? must::direction::backwards : must::direction::forwards});
        REQUIRE(found == std::vector<must::position>{20'001});
        REQUIRE(append<fixture>(store, one_event(), {.query = which}).why().actual == 20'001);
        auto first = one_event(), second = one_event();
        std::vector items{must::batch_item<must::payload>{std::span(&first, 1), {.query = which}},
                          must::batch_item<must::payload>{std::span(&second, 1), {.query = which}}};
        REQUIRE_FALSE(store.append_batch(std::span(items))[1]->stored());
      }
  }
  CHECK(scans() == built);
  // 64 reads and 192 checks: a scan of the log, of the hot tag or the hot type would be 20,000 entries each. What there
  // is, is counting the first 1,000 of a hot tag.
  CHECK(touched("idx_tup_read") - before < 64 * 1'500);
}

TEST_CASE("postgres_store: who waits is woken by another connection", "[storage][postgres]") {
  if (!has_postgres()) return;
  const scratch_schema schema;
  auto slow = options_for(schema.name);
  slow.poll_interval = must::duration(3'600'000'000);
  must::postgres_store waits(slow), writes(options_for(schema.name));
  CHECK_FALSE(waits.is_notified());
  CHECK_FALSE(waits.wait_for(1, must::duration(300'000)));
  for (int i = 0; i < 500 && !waits.is_notified(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  REQUIRE(waits.is_notified());
  for (must::position next = 1; next < 20; ++next) {
    std::jthread writer([&] {
      if (next % 2 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
      append<fixture>(writes, one_event()).value();
    });
    CHECK(waits.wait_for(next, must::duration(20'000'000)));
  }
  postgres_session().ask(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'must' AND query LIKE "
      "'LISTEN%'");
  std::jthread writer([&] { append<fixture>(writes, one_event()).value(); });
  CHECK(waits.wait_for(20, must::duration(20'000'000)));

  auto quiet = options_for(schema.name);
  quiet.pooled = true;
  quiet.poll_interval = must::duration(5'000);
  must::postgres_store polls(quiet);
  std::jthread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    append<fixture>(writes, one_event()).value();
  });
  CHECK(polls.wait_for(21, must::duration(20'000'000)));
  CHECK_FALSE(polls.is_notified());
}

TEST_CASE("postgres_store: several stores live in one database, under any name", "[storage][postgres]") {
  if (!has_postgres()) return;
  const scratch_schema schema;
  postgres_session session;
  const std::string odd = "it's \"odd\"; -- \xC3\xA4";
  {
    must::postgres_store first(options_for(schema.name)), second(options_for(odd));
    append<fixture>(first, one_event()).value();
    CHECK(append<fixture>(second, one_event(), {.query = must::query::of_tags({"t"})}).value() == must::appended{1, 1});
    CHECK(first.history() != second.history());
    CHECK(second.put("k", "v", 0));
    CHECK_FALSE(first.get("k"));
    CHECK(must::postgres_store::schema_sql(odd).find("\"it's \"\"odd\"\"; -- \xC3\xA4\".event") != std::string::npos);
  }
  session.ask("DROP SCHEMA \"it's \"\"odd\"\"; -- \xC3\xA4\" CASCADE");
  for (const std::string bad : {"", "pg_mine", "a$b", "{s}"})
    CHECK_THROWS_AS(must::postgres_store(options_for(bad)), must::bad_input);
  CHECK_THROWS_AS(must::postgres_store(options_for(std::string(64, 'x'))), must::bad_input);
  auto no_creation = options_for("not_there");
  no_creation.create = false;
  CHECK_THROWS_AS(must::postgres_store(no_creation), must::storage_error);
}

TEST_CASE("postgres_store: a schema made by hand is one", "[storage][postgres]") {
  if (!has_postgres()) return;
  const scratch_schema schema;
  postgres_session().ask("BEGIN; " + must::postgres_store::schema_sql(schema.name) + "; COMMIT");
  auto options = options_for(schema.name);
  options.create = false;
  must::postgres_store store(options);
  CHECK(append<fixture>(store, one_event()).stored());
}

TEST_CASE("postgres_store: a table that is damaged, and a database that is not of UTF8, are refused",
          "[storage][postgres]") {
  if (!has_postgres()) return;
  const scratch_schema schema;
  { must::postgres_store made(options_for(schema.name)); }
  postgres_session session;
  session.ask("DELETE FROM " + schema.name + ".store");
  const auto damaged = error_of([&] { must::postgres_store store(options_for(schema.name)); });
  CHECK(damaged.backend_code == "XX001");
  CHECK_FALSE(damaged.retryable);
  CHECK(damaged.message.find(schema.name) != std::string::npos);

  const auto database = schema.name + "_ascii";
  session.ask("CREATE DATABASE " + database + " ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0");
  auto options = options_for(schema.name);
  options.conninfo += " dbname=" + database;
  const auto encoding = error_of([&] { must::postgres_store store(options); });
  session.ask("DROP DATABASE " + database);
  CHECK(encoding.backend_code == "22021");
  CHECK(encoding.message.find("SQL_ASCII") != std::string::npos);
}

TEST_CASE("postgres_store: a payload of 64 MiB is stored where the limit allows it", "[storage][postgres]") {
  if (!has_postgres()) return;
  const scratch_schema schema;
  auto options = options_for(schema.name);
  options.limits.payload_bytes = std::size_t{64} << 20U;
  options.timeout = must::duration(60'000'000);
  must::postgres_store store(options);
  auto large = one_event();
  std::string bytes(options.limits.payload_bytes, '\0');
  for (std::size_t i = 0; i < bytes.size(); i += 997) bytes[i] = static_cast<char>(i);
  large.data = must::payload("application/octet-stream", bytes);
  append<fixture>(store, std::vector{one_event(), large, one_event()}).value();
  int seen = 0;
  static_cast<void>(store.read(must::query::all(), {}, [&](const must::recorded<must::payload>& record) {
    if (++seen == 2) CHECK(record.data.bytes() == bytes);
  }));
  CHECK(seen == 3);
  CHECK(store.find(large.source, large.id)->data.bytes() == bytes);
  large.id += "x";
  large.data = must::payload("application/octet-stream", bytes + "1");
  CHECK_THROWS_AS(append<fixture>(store, large), must::bad_input);
}

TEST_CASE("postgres_store: a cell that is larger than a message to the server is refused", "[storage][postgres]") {
  if (!has_postgres()) return;
  const scratch_schema schema;
  must::postgres_store store(options_for(schema.name));
  const std::string bytes((std::size_t{512} << 20U) + 1, '\0');
  CHECK(must_test::error_of<must::bad_input>([&] { store.put("cell", bytes, 0); }).field == "bytes");
  CHECK_FALSE(store.get("cell").has_value());
}

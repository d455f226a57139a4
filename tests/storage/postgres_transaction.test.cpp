// SPDX-License-Identifier: MIT
// postgres_store: transactions that end without a COMMIT, a schema that was renamed, secrets in the name of a database.
#include "must/storage/postgres.hpp"

#include "must/must.hpp"

#include "stores/postgres.hpp"
#include "support/catch.hpp"

#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using fixture = must_test::postgres_fixture;
using must::testing::suite::append;
using must::testing::suite::event;
using must_test::error_of;
using must_test::has_postgres;
using must_test::options_for;
using must_test::postgres_session;
using must_test::scratch_schema;
using transaction = must::postgres_store::transaction;

void run_in(transaction& in, const std::string& sql) {
  auto* const done = PQexec(in.handle, sql.c_str());
  const auto status = PQresultStatus(done);
  PQclear(done);
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) throw std::runtime_error(PQerrorMessage(in.handle));
}

}  // namespace

TEST_CASE("postgres_store: a callback that idles too long stores nothing, and that is known", "[storage][postgres]") {
  if (!has_postgres()) return;
  const scratch_schema schema;
  auto options = options_for(schema.name);
  options.conninfo += " options='-c idle_in_transaction_session_timeout=50'";
  must::postgres_store store(options);
  const auto idle = [](transaction&) { std::this_thread::sleep_for(std::chrono::milliseconds(400)); };
  auto one = event<fixture>("a", "s", {"t"});
  for (const auto& why :
       {error_of([&] { static_cast<void>(store.append_with(std::span(&one, 1), {}, idle)); }),
        error_of([&] { store.put_with("k", "v", 0, idle); }), error_of([&] { store.with_transaction(idle); })}) {
    CHECK(why.code == must::error_code::storage_error);
    CHECK(why.backend_code == "25P03");
    CHECK_FALSE(why.retryable);
  }
  CHECK(store.head() == 0);
  CHECK_FALSE(store.get("k"));
  CHECK(append<fixture>(store, one).value() == must::appended{1, 1});
}

TEST_CASE("postgres_store: with_transaction commits what was done, or nothing", "[storage][postgres]") {
  if (!has_postgres()) return;
  const scratch_schema schema;
  must::postgres_store store(options_for(schema.name));
  const auto table = schema.name + ".mine";
  store.with_transaction([&](transaction& in) { run_in(in, "CREATE TABLE " + table + " (n int)"); });
  CHECK_THROWS_AS(store.with_transaction([&](transaction& in) {
    run_in(in, "INSERT INTO " + table + " VALUES (1)");
    throw std::runtime_error("no");
  }),
                  std::runtime_error);
  store.with_transaction([&](transaction& in) { run_in(in, "INSERT INTO " + table + " VALUES (2)"); });
  postgres_session session;
  CHECK(session.ask("SELECT string_agg(n::text, ',') FROM " + table) == "2");
  CHECK(append<fixture>(store, event<fixture>("a")).value() == must::appended{1, 1});
}

TEST_CASE("postgres_store: a schema that was renamed is written as before", "[storage][postgres]") {
  if (!has_postgres()) return;
  const scratch_schema schema;
  const auto one = event<fixture>("a", "s", {"t"});
  {
    must::postgres_store store(options_for(schema.name));
    append<fixture>(store, one).value();
  }
  postgres_session session;
  session.ask("ALTER SCHEMA " + schema.name + " RENAME TO " + schema.name + "_new");
  {
    auto options = options_for(schema.name + "_new");
    options.create = false;
    CHECK(error_of([&] { must::postgres_store{options}; }).message.find("was renamed") != std::string::npos);
  }
  must::postgres_store store(options_for(schema.name + "_new")), other(options_for(schema.name + "_new"));
  CHECK(append<fixture>(store, one).value() == must::appended{1, 1});
  CHECK_FALSE(append<fixture>(store, event<fixture>("a"), {.query = must::query::of_tags({"t"})}).stored());
  CHECK(append<fixture>(other, event<fixture>("a", "s"), {.streams = {must::stream_expectation::exactly("s", 1)}})
            .value() == must::appended{2, 2});
  std::vector<must::cloud_event> left{event<fixture>("a", "s")}, right{event<fixture>("b", "s")};
  std::vector<must::batch_item<must::payload>> items{{left, {}}, {right, {}}};
  for (const auto& done : store.append_batch(items)) CHECK(done.value().stored());
  CHECK(store.version("s") == 4);
  CHECK(store.put("k", "v", 0));
  session.ask("ALTER SCHEMA " + schema.name + "_new RENAME TO " + schema.name);
}

TEST_CASE("postgres_store: a connection string in the name of a database is not told", "[storage][postgres]") {
  if (!has_postgres()) return;
  for (const std::string inner : {"postgresql://ann:hunter2@localhost/app", "host=localhost password=hunter2"}) {
    const auto why = error_of([&] {
      must::postgres_store({.conninfo = must_test::postgres_server::instance().conninfo() + " dbname='" + inner + "'"});
    });
    CHECK(why.code == must::error_code::storage_error);
    CHECK(why.backend_code == "3D000");
    CHECK(why.message.find("hunter2") == std::string::npos);
    CHECK(why.message.find("ann") == std::string::npos);
  }
}

TEST_CASE("postgres_store: an append is bounded by its tags and names, not by its data alone", "[storage][postgres]") {
  if (!has_postgres()) return;
  const scratch_schema schema;
  must::postgres_store store(options_for(schema.name));
  must::tag_set tags;
  for (int i = 0; i < 1'000; ++i) tags.insert("tag" + std::to_string(i));
  std::vector<must::cloud_event> many;
  for (int i = 0; i < 2'200; ++i) many.push_back(event<fixture>("a", "", tags));
  const auto why = error_of([&] { append<fixture>(store, many).value(); });
  CHECK(why.code == must::error_code::bad_input);
  CHECK(why.field == "tags");
  std::vector<must::cloud_event> few{event<fixture>("a")};
  std::vector<must::batch_item<must::payload>> items{{many, {}}, {few, {}}};
  const auto done = store.append_batch(items);
  CHECK(done.at(0).error().code == must::error_code::bad_input);
  CHECK(*done.at(1).value() == must::appended{1, 1});
}

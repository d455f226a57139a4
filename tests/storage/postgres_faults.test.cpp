// SPDX-License-Identifier: MIT
// postgres_store: what fails, and what is known afterwards.
#include "must/storage/postgres.hpp"

#include "must/must.hpp"

#include "cases/fairness.hpp"
#include "servers/socket_proxy.hpp"
#include "stores/postgres.hpp"
#include "support/catch.hpp"
#include "support/child_process.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <map>
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
using must_test::postgres_server;
using must_test::postgres_session;
using must_test::scratch_schema;
using must_test::start_process;
using must_test::wait_for_process;

}  // namespace

TEST_CASE("postgres_store: a schema is opened again as it was left", "[storage][postgres]") {
  if (!has_postgres()) return;
  const scratch_schema schema;
  auto one = event<fixture>("a", "s", {"t"});
  std::string history;
  {
    must::postgres_store store(options_for(schema.name));
    append<fixture>(store, one).value();
    CHECK(store.put("k", "v", 0));
    history = store.history();
  }
  must::postgres_store store(options_for(schema.name));
  CHECK(store.history() == history);
  CHECK(history.size() == 73);
  CHECK(store.head() == 1);
  CHECK(append<fixture>(store, one).value() == must::appended{1, 1});
  CHECK(append<fixture>(store, event<fixture>("a", "s")).value() == must::appended{2, 2});
  CHECK(store.version("s") == 2);
  CHECK(store.get("k") == must::cell{"v", 1});
}

TEST_CASE("postgres_store: a schema of a later release is refused with a sentence", "[storage][postgres]") {
  if (!has_postgres()) return;
  const scratch_schema schema;
  postgres_session session;
  must::postgres_store store(options_for(schema.name));
  append<fixture>(store, event<fixture>("a")).value();
  session.ask("UPDATE " + schema.name + ".store SET schema_version = 7, min_writer = 5");
  for (int i = 0; i < 2; ++i) {
    const auto why = error_of([&] { static_cast<void>(append<fixture>(store, event<fixture>("a"))); });
    CHECK(why.code == must::error_code::storage_error);
    CHECK(why.backend_code == "MU002");
    CHECK(why.message ==
          "PostgreSQL: the schema needs a writer of version 5 at least; this release of must writes version 1");
    CHECK_FALSE(why.retryable);
  }
  CHECK(must::postgres_store(options_for(schema.name)).head() == 1);
  session.ask("UPDATE " + schema.name + ".store SET min_reader = 6");
  const auto why = error_of([&] { must::postgres_store late(options_for(schema.name)); });
  CHECK(why.operation == "open");
  CHECK(why.message == "PostgreSQL: \"" + schema.name +
                           "\" is of a newer must: the schema needs a reader of version 6 at least; this release of "
                           "must reads version 1");
}

TEST_CASE("postgres_store: who may not connect or read is told so, without secrets", "[storage][postgres]") {
  if (!must_test::has_own_postgres()) return;
  postgres_session session;
  session.ask("DROP ROLE IF EXISTS must_guarded; CREATE ROLE must_guarded LOGIN PASSWORD 'right'");
  session.ask("DROP ROLE IF EXISTS must_poor; CREATE ROLE must_poor LOGIN");
  const auto as = [](const std::string& who) {
    return "host=" + postgres_server::instance().folder() + " dbname=postgres " + who;
  };
  const auto open = [](const std::string& conninfo, const std::string& schema) {
    return error_of([&] {
      must::postgres_store store({.conninfo = conninfo, .schema = schema, .timeout = must::duration(300'000)});
    });
  };
  auto why = open(as("user=must_guarded password=hunter2"), "must");
  CHECK(why.backend_code == "28P01");
  CHECK_FALSE(why.retryable);
  CHECK(why.message.find("hunter2") == std::string::npos);
  CHECK(why.message.find("must_guarded") != std::string::npos);
  CHECK(open(as("user=must_guarded"), "must").backend_code == "28P01");
  CHECK(open(as("user=must dbname=nowhere"), "must").backend_code == "3D000");
  CHECK(open(as("user=must_poor"), "mine").backend_code == "42501");
  const scratch_schema schema;
  must::postgres_store store(options_for(schema.name));
  CHECK(open(as("user=must_poor"), schema.name).backend_code == "42501");
  why = open("host=/nowhere password=hunter2", "must");
  CHECK(why.backend_code == "08001");
  CHECK(why.retryable);
  why = open("host=/nowhere hunter2 = = '", "must");
  CHECK(why.code == must::error_code::bad_input);
  CHECK(why.message.find("hunter2") == std::string::npos);
  session.ask("GRANT USAGE ON SCHEMA " + schema.name + " TO must_poor; GRANT SELECT ON ALL TABLES IN SCHEMA " +
              schema.name + " TO must_poor");
  append<fixture>(store, event<fixture>("a")).value();
  must::postgres_store reader({.conninfo = as("user=must_poor"), .schema = schema.name});
  CHECK(reader.head() == 1);
  why = error_of([&] { static_cast<void>(append<fixture>(reader, event<fixture>("a"))); });
  CHECK(why.backend_code == "42501");
  CHECK(why.operation == "append");
  CHECK(positions<fixture>(reader, must::query::all()).size() == 1);
  session.ask("DROP OWNED BY must_poor; DROP ROLE must_poor; DROP ROLE must_guarded");
}

TEST_CASE("postgres_store: the server's function refuses to append above READ COMMITTED", "[storage][postgres]") {
  if (!has_postgres()) return;
  const scratch_schema schema;
  must::postgres_store store(options_for(schema.name));
  postgres_session session;
  for (const std::string level : {"REPEATABLE READ", "SERIALIZABLE"}) {
    session.ask("BEGIN ISOLATION LEVEL " + level);
    CHECK_THROWS_WITH(session.ask("SELECT " + schema.name +
                                  ".look(1, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}')"),
                      Catch::Contains("READ COMMITTED"));
    session.ask("ROLLBACK");
  }
}

TEST_CASE("postgres_store: backends that are killed all the time lose and repeat nothing",
          "[storage][postgres][race]") {
  if (!has_postgres()) return;
  const scratch_schema schema;
  must::postgres_store store(options_for(schema.name));
  std::atomic<int> writing{4}, unknown{0};
  std::atomic<must::position> stored{0};
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 60; ++i) try {
          auto one = event<fixture>("a", "s" + std::to_string(t));
          if (i % 3 == 0) {
            std::vector items{must::batch_item<must::payload>{std::span(&one, 1), {}}};
            auto other = event<fixture>("b");
            items.push_back({std::span(&other, 1), {}});
            for (const auto& each : store.append_batch(std::span(items))) stored += each && each->stored() ? 1U : 0U;
          } else {
            append<fixture>(store, one).value();
            ++stored;
          }
        } catch (const must::exception&) {
          ++unknown;
        }
      --writing;
    });
  postgres_session session;
  while (writing > 0) {
    session.ask(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'must' AND state <> 'idle' "
        "LIMIT 1");
    std::this_thread::sleep_for(std::chrono::milliseconds(25));
  }
  threads.clear();
  CHECK(unknown == 0);
  CHECK(store.head() == stored);
  CHECK(positions<fixture>(store, must::query::all()).size() == stored);
}

TEST_CASE("postgres_store: a crash of the server loses nothing that was acknowledged", "[storage][postgres]") {
  if (!must_test::has_own_postgres()) return;
  const scratch_schema schema;
  auto options = options_for(schema.name);
  options.conninfo += " options='-c synchronous_commit=on'";
  options.timeout = must::duration(60'000'000);
  must::postgres_store store(options);
  std::atomic<bool> stop{false};
  std::atomic<must::position> last{0};
  std::string failure;
  std::jthread writer([&] {
    try {
      while (!stop) last = append<fixture>(store, event<fixture>("a", "s")).value().last;
    } catch (const std::exception& why) {
      failure = why.what();
    }
  });
  for (int i = 0; i < 2; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    postgres_server::instance().crash();
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  stop = true;
  writer.join();
  CHECK(failure.empty());
  CHECK(last > 0);
  CHECK(store.head() == last);
  CHECK(store.version("s").value == last);
}

TEST_CASE("postgres_store: processes race for one boundary, and one wins each round", "[storage][postgres][process]") {
  if (!has_postgres()) return;
  const scratch_schema schema;
  { must::postgres_store store(options_for(schema.name)); }
  std::vector<pid_t> children;
  for (int t = 0; t < 4; ++t)
    children.push_back(start_process([&] {
      must::postgres_store store(options_for(schema.name));
      for (int n = 0; n < 50;) {
        const auto seen = store.read(must::query::of_tags({"shared"}), {}, [](const auto&) {});
        n = static_cast<int>(seen.head);
        if (n < 50)
          static_cast<void>(append<fixture>(store, event<fixture>("a", "s", {"shared"}),
                                            {.query = must::query::of_tags({"shared"}), .after = seen.head}));
      }
    }));
  for (const auto child : children) CHECK(wait_for_process(child) == 0);
  must::postgres_store store(options_for(schema.name));
  CHECK(store.head() == 50);
  CHECK(store.version("s") == 50);
}

TEST_CASE("postgres_store: processes that make one schema at once all open it", "[storage][postgres][process]") {
  if (!has_postgres()) return;
  for (int round = 0; round < 3; ++round) {
    const scratch_schema schema;
    std::vector<pid_t> children;
    for (int t = 0; t < 6; ++t)
      children.push_back(start_process([&] {
        must::postgres_store store(options_for(schema.name));
        append<fixture>(store, event<fixture>("a", "s")).value();
      }));
    for (const auto child : children) CHECK(wait_for_process(child) == 0);
    CHECK(must::postgres_store(options_for(schema.name)).version("s") == 6);
  }
}

TEST_CASE("postgres_store: of 64 threads that fight for one boundary none waits longer than its deadline",
          "[storage][postgres][race]") {
  if (!has_postgres()) return;
  fixture here;
  const auto all = must_test::fight_for_one_boundary(here.store(), 64, std::chrono::seconds(10));
  CHECK(all.failures.empty());
  CHECK(all.longest < std::chrono::seconds(10));
  CHECK(all.taken > 0);
  CHECK(here.store().head() == static_cast<must::position>(all.taken));
}

TEST_CASE("postgres_store: a command on a stream of 10 events takes 3 round trips at the most", "[storage][postgres]") {
  if (!must_test::has_own_postgres()) return;
  const scratch_schema schema;
  must_test::socket_proxy proxy(postgres_server::instance().socket());
  auto options = options_for(schema.name);
  options.conninfo = "host=" + proxy.folder() + " port=5432 user=must dbname=postgres";
  must::postgres_store store(options);
  for (int i = 0; i < 10; ++i)
    for (const char* counter : {"warm", "cold"}) must::process_command(must_test::Take{counter}, store);
  const auto before = proxy.round_trips();
  must::process_command(must_test::Take{"cold"}, store);
  const auto trips = proxy.round_trips() - before;
  CHECK(trips >= 2);
  CHECK(trips <= 3);
}

TEST_CASE("postgres_store: a client that is killed leaves whole appends behind, and all that it was told of",
          "[storage][postgres][process]") {
  if (!has_postgres()) return;
  const scratch_schema schema;
  { const must::postgres_store made(options_for(schema.name)); }
  std::vector<std::string> acknowledged;
  for (int round = 0; round < 8; ++round) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const auto child = start_process([&] {
      must::postgres_store store(options_for(schema.name));
      for (int i = 0;; ++i) {
        const auto name = std::to_string(round) + "-" + std::to_string(i);
        auto one = event<fixture>("a", "s" + std::to_string(i % 3), {"t"}), two = one;
        one.id = name;
        two.id = name + "b";
        append<fixture>(store, std::vector{one, two}).value();
        const auto line = name + "\n";
        if (::write(ends[1], line.data(), line.size()) < 0) ::_exit(1);
      }
    });
    ::close(ends[1]);
    std::string told;
    char bytes[4'096];
    for (ssize_t count = 1; count > 0 && told.size() < static_cast<std::size_t>(60 + 40 * round);)
      if ((count = ::read(ends[0], bytes, sizeof bytes)) > 0) told.append(bytes, static_cast<std::size_t>(count));
    ::kill(child, SIGKILL);
    while (const auto count = ::read(ends[0], bytes, sizeof bytes)) told.append(bytes, static_cast<std::size_t>(count));
    ::close(ends[0]);
    ::waitpid(child, nullptr, 0);
    for (std::size_t at = 0, end = 0; (end = told.find('\n', at)) != std::string::npos; at = end + 1)
      acknowledged.push_back(told.substr(at, end - at));
  }
  must::postgres_store store(options_for(schema.name));
  CHECK(acknowledged.size() > 50);
  for (const auto& name : acknowledged) {
    const auto one = store.find("/suite", name), two = store.find("/suite", name + "b");
    CHECK((one && two && two->position == one->position + 1));
  }
  must::position last = 0;
  std::map<std::string, must::version> versions;
  const auto read = store.read(must::query::all(), {}, [&](const must::recorded<must::payload>& record) {
    CHECK(record.position == ++last);
    CHECK(record.version == ++versions[record.subject]);
  });
  CHECK(read.head == last);
  CHECK(last % 2 == 0);
}

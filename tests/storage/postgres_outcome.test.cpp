// SPDX-License-Identifier: MIT
// postgres_store: what is known of a request whose connection was lost, or whose time is over.
#include "must/storage/postgres.hpp"

#include "servers/socket_proxy.hpp"
#include "stores/postgres.hpp"
#include "support/catch.hpp"

#include <chrono>
#include <cstdint>
#include <exception>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using fixture = must_test::postgres_fixture;
using must::testing::suite::append;
using must::testing::suite::event;
using must_test::error_of;
using must_test::options_for;
using must_test::postgres_server;
using must_test::postgres_session;
using must_test::scratch_schema;

// A schema, a store that reaches it by a proxy, another that does not, and a session.
struct behind_a_proxy {
  must::postgres_options options() const {
    auto made = options_for(schema.name);
    made.conninfo = "host=" + proxy.folder() + " port=5432 user=must dbname=postgres";
    return made;
  }
  [[nodiscard]] std::string lock() const { return "1836413812, '\"" + schema.name + "\"'::regnamespace::oid::int"; }
  void take_commit_lock() { session.ask("SELECT pg_advisory_lock(" + lock() + ")"); }
  void give_commit_lock() { CHECK(session.ask("SELECT pg_advisory_unlock(" + lock() + ")") == "t"); }
  void until_waiting_at_lock(int count) {
    while (session.ask("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") !=
           std::to_string(count))
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  // Calls, and meanwhile loses the request: it is still on its way when the answer to the second comes.
  template <typename Call>
  auto with_first_request_late(Call&& call) {
    proxy.hold();
    std::optional<decltype(call())> answer;
    std::optional<must::error> failure;
    std::jthread caller([&] {
      try {
        answer = call();
      } catch (const must::exception& why) {
        failure = why.error();
      }
    });
    while (!proxy.holds_something()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    proxy.cut();
    caller.join();
    if (failure) must::raise(*failure);
    return *answer;
  }

  scratch_schema schema{};
  must_test::socket_proxy proxy{postgres_server::instance().socket()};
  must::postgres_store direct{options_for(schema.name)};
  must::postgres_store store{options()};
  postgres_session session{};
};

}  // namespace

TEST_CASE("postgres_store: an append whose client is cut off at the lock is stored once", "[storage][postgres]") {
  if (!must_test::has_own_postgres()) return;
  behind_a_proxy here;
  for (int round = 0; round < 3; ++round) {
    here.take_commit_lock();
    const auto before = here.direct.head();
    must::appended done;
    std::string failure;
    std::jthread writer([&] {
      try {
        done = append<fixture>(here.store, event<fixture>("a", "s"),
                               {.streams = {must::stream_expectation::exactly("s", must::version(before))}})
                   .value();
      } catch (const std::exception& why) {
        failure = why.what();
      }
    });
    here.until_waiting_at_lock(1);
    here.proxy.cut();               // the client loses its connection; its backend waits on
    here.until_waiting_at_lock(2);  // sent again, behind the first
    here.give_commit_lock();
    writer.join();
    CHECK(failure.empty());
    CHECK(done == must::appended{before + 1, before + 1});
    CHECK(here.direct.head() == before + 1);
  }
}

TEST_CASE("postgres_store: Z3 a connection that is lost at any message costs nothing, and nothing is done twice",
          "[storage][postgres]") {
  if (!must_test::has_own_postgres()) return;
  behind_a_proxy here;
  here.session.ask("CREATE TABLE " + here.schema.name + ".work(n int)");
  struct lost_in_work {};  // what a callback throws passes through, and nothing is stored
  const auto work = [&](must::postgres_store::transaction& in) {
    try {
      postgres_session::ask(in.handle, "INSERT INTO " + here.schema.name + ".work VALUES (1)");
    } catch (const std::exception&) {
      throw lost_in_work{};
    }
  };
  const auto works = [&] { return std::stoi(here.session.ask("SELECT count(*) FROM " + here.schema.name + ".work")); };
  // Does `call`, and again with the connection cut at its first message, at its second ... until it comes to its end.
  const auto at_each_message = [&](const char* what, auto&& call) {
    int cuts = 0;
    for (const bool handed_on : {false, true})
      for (int at = 1;; ++at) {
        INFO(what << ", cut at message " << at << (handed_on ? ", which was handed on" : ", which was lost"));
        here.proxy.cut_at(at, handed_on);
        const auto before = here.direct.head();
        const auto worked = works();
        must::position stored = 0;
        int done = 0;
        try {
          call(before, stored, done);
        } catch (const lost_in_work&) {
          stored = 0, done = 0;
        }
        REQUIRE(here.direct.head() == before + stored);
        REQUIRE(works() == worked + done);
        if (here.proxy.is_to_cut()) break;
        ++cuts;
        REQUIRE(at < 50);
      }
    here.proxy.cut_at(0, false);
    CHECK(cuts >= 4);
  };
  at_each_message("append", [&](must::position before, must::position& stored, int&) {
    const auto done = append<fixture>(here.store, std::vector{event<fixture>("a", "s", {"t"}), event<fixture>("b")},
                                      {.query = must::query::of_tags({"t"}), .after = before});
    REQUIRE(done.value() == must::appended{before + 1, before + 2});
    stored = 2;
  });
  at_each_message("append_with", [&](must::position before, must::position& stored, int& done) {
    auto one = event<fixture>("a", "s");
    const auto appended = here.store.append_with(std::span(&one, 1), {}, work);
    REQUIRE(appended.value() == must::appended{before + 1, before + 1});
    stored = 1, done = 1;
  });
  at_each_message("append_batch", [&](must::position before, must::position& stored, int&) {
    std::vector events{event<fixture>("a", "s"), event<fixture>("b", "s")};
    std::vector<must::batch_item<must::payload>> items{{std::span(&events[0], 1), {}}, {std::span(&events[1], 1), {}}};
    const auto done = here.store.append_batch(std::span(items));
    REQUIRE(done.at(0).value().value() == must::appended{before + 1, before + 1});
    REQUIRE(done.at(1).value().value() == must::appended{before + 2, before + 2});
    stored = 2;
  });
  std::uint64_t revision = 0;
  at_each_message("put", [&](must::position, must::position&, int&) {
    REQUIRE(here.store.put("cell", "x", revision));
    REQUIRE(here.direct.get("cell")->revision == ++revision);
  });
  at_each_message("put_with", [&](must::position, must::position&, int& done) {
    const bool was_put = here.store.put_with("cell", "x", revision, work);
    REQUIRE(was_put);
    REQUIRE(here.direct.get("cell")->revision == ++revision);
    done = 1;
  });
  at_each_message("read", [&](must::position before, must::position&, int&) {
    must::position seen = 0;
    const auto read =
        here.store.read(must::query::all(), {}, [&](const auto& one) { REQUIRE(one.position == ++seen); });
    REQUIRE(read.complete);
    REQUIRE(seen == before);
  });
}

TEST_CASE("postgres_store: past the deadline nobody knows what became of an append, and the error says so",
          "[storage][postgres]") {
  if (!must_test::has_own_postgres()) return;
  behind_a_proxy here;
  auto options = here.options();
  options.timeout = must::duration(300'000);
  options.conninfo += " options='-c statement_timeout=1h'";  // as where the server hears of nothing
  must::postgres_store hasty(options);
  here.take_commit_lock();
  const auto one = event<fixture>("late");
  const auto why = error_of([&] { static_cast<void>(append<fixture>(hasty, one)); });
  CHECK(why.code == must::error_code::outcome_unknown);
  CHECK(why.operation == "append");
  CHECK(why.retryable);
  here.give_commit_lock();
  while (!here.direct.find(one.source, one.id)) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  CHECK(append<fixture>(hasty, one).value() == must::appended{1, 1});
}

TEST_CASE("postgres_store: the server ends what takes too long, before who asked gives up", "[storage][postgres]") {
  if (!must_test::has_own_postgres()) return;
  behind_a_proxy here;
  auto options = options_for(here.schema.name);
  options.timeout = must::duration(2'000'000);
  for (const bool pooled : {false, true}) {
    options.pooled = pooled;
    must::postgres_store hasty(options);
    const auto lost = event<fixture>("lost");
    here.take_commit_lock();
    auto why = error_of([&] { static_cast<void>(append<fixture>(hasty, lost)); });
    CHECK(why.code == must::error_code::storage_error);  // and not outcome_unknown
    CHECK(why.backend_code == "57014");
    CHECK(why.retryable);
    here.until_waiting_at_lock(0);
    here.give_commit_lock();
    CHECK_FALSE(here.direct.find(lost.source, lost.id));
    CHECK(append<fixture>(hasty, event<fixture>("a")).stored());
    if (pooled) continue;  // a read has no transaction there that could hold the timeout
    here.session.ask("BEGIN; LOCK TABLE " + here.schema.name + ".event IN ACCESS EXCLUSIVE MODE");
    why = error_of([&] { static_cast<void>(hasty.read(must::query::all(), {}, [](const auto&) {})); });
    CHECK(why.backend_code == "57014");
    CHECK(why.operation == "read");
    CHECK(here.session.ask("SELECT count(*) FROM pg_locks WHERE NOT granted") == "0");
    here.session.ask("ROLLBACK");
    CHECK(must::testing::suite::positions<fixture>(hasty, must::query::all()).size() == 1);
  }
}

TEST_CASE("postgres_store: a conflict is final, though an earlier request was still on its way",
          "[storage][postgres]") {
  if (!must_test::has_own_postgres()) return;
  behind_a_proxy here;
  const must::append_condition ahead[] = {{.streams = {must::stream_expectation::exactly("s", 1)}},
                                          {.streams = {must::stream_expectation::exists("t")}}};
  for (auto condition : ahead) {
    const auto name = condition.streams[0].stream;
    append<fixture>(here.store, event<fixture>("a")).value();  // there is a connection that has prepared
    const auto before = here.direct.head();
    auto one = event<fixture>("one", name);
    CHECK_FALSE(
        here.with_first_request_late([&] { return here.store.append(std::span(&one, 1), condition); }).stored());
    append<fixture>(here.direct, event<fixture>("first", name)).value();  // now the condition would hold
    here.proxy.release();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));  // for what must not happen
    CHECK(here.direct.head() == before + 1);
    CHECK_FALSE(here.direct.find(one.source, one.id));
  }
  append<fixture>(here.store, event<fixture>("a")).value();
  const auto head = here.direct.head();
  auto early = event<fixture>("early");
  const auto why = error_of([&] {
    static_cast<void>(here.with_first_request_late([&] {
      return here.store.append(std::span(&early, 1), {.query = must::query::of_types({"none"}), .after = head + 1});
    }));
  });
  CHECK(why.code == must::error_code::position_ahead);
  append<fixture>(here.direct, event<fixture>("a")).value();
  here.proxy.release();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  CHECK_FALSE(here.direct.find(early.source, early.id));
}

TEST_CASE("postgres_store: a put that was refused never comes through later", "[storage][postgres]") {
  if (!must_test::has_own_postgres()) return;
  behind_a_proxy here;
  CHECK(here.store.put("other", "v", 0));  // there is a connection that has prepared
  CHECK_FALSE(here.with_first_request_late([&] { return here.store.put("k", "late", 1); }));
  CHECK(here.direct.put("k", "first", 0));
  here.proxy.release();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  CHECK(here.direct.get("k") == must::cell{"first", 1});
}

TEST_CASE("postgres_store: where no session is known, an answer that may change is an unknown outcome",
          "[storage][postgres]") {
  if (!must_test::has_own_postgres()) return;
  behind_a_proxy here;
  auto options = here.options();
  options.pooled = true;
  options.timeout = must::duration(2'000'000);
  must::postgres_store pooled(options);
  auto one = event<fixture>("a", "s");
  const auto why = error_of([&] {
    static_cast<void>(here.with_first_request_late(
        [&] { return pooled.append(std::span(&one, 1), {.streams = {must::stream_expectation::exactly("s", 1)}}); }));
  });
  CHECK(why.code == must::error_code::outcome_unknown);
  CHECK(why.backend_code == "08007");
  here.proxy.release();
}

// SPDX-License-Identifier: MIT
// postgres_store: what readers see of slow, failing and foreign transactions, and of a store that was restored.
#include "must/storage/postgres.hpp"

#include "must/subscription.hpp"

#include "stores/postgres.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <random>
#include <set>
#include <span>
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
using transaction = must::postgres_store::transaction;
using record = must::recorded<must::payload>;

}  // namespace

TEST_CASE("postgres_store: what a slow writer has not committed is not there, and later comes in its place",
          "[storage][postgres]") {
  if (!has_postgres()) return;
  const scratch_schema schema;
  must::postgres_store slow(options_for(schema.name)), quick(options_for(schema.name)), reads(options_for(schema.name));
  append<fixture>(quick, event<fixture>("a", "s", {"t"})).value();
  std::atomic<bool> inside{false}, go_on{false}, stored{false};
  std::jthread writer([&] {
    std::vector events{event<fixture>("slow", "s", {"t"}), event<fixture>("slow", "s", {"t"})};
    static_cast<void>(slow.append_with(std::span(events), {}, [&](transaction&) {
      inside = true;
      while (!go_on) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }));
  });
  while (!inside) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  std::jthread other([&] {
    append<fixture>(quick, event<fixture>("quick", "s", {"t"})).value();
    stored = true;
  });
  postgres_session session;
  while (session.ask("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") != "1")
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  for (int i = 0; i < 20; ++i) {  // readers go on, and see neither
    const auto seen = reads.read(must::query::all(), {}, [](const record&) {});
    CHECK((seen.complete && seen.head == 1 && seen.scanned == 1));
    CHECK(positions<fixture>(reads, must::query::of_tags({"t"})) == std::vector<must::position>{1});
    CHECK(reads.version("s") == 1);
  }
  CHECK_FALSE(stored);
  go_on = true;
  writer.join();
  other.join();
  std::vector<std::string> types;
  static_cast<void>(reads.read(must::query::all(), {}, [&](const record& one) { types.push_back(one.type); }));
  CHECK(types == std::vector<std::string>{"a", "slow", "slow", "quick"});
}

TEST_CASE("postgres_store: slow writers of several events, and such as roll back, hide nothing from the tail",
          "[storage][postgres][race]") {
  if (!has_postgres()) return;
  const scratch_schema schema;
  must::postgres_store writes(options_for(schema.name)), other(options_for(schema.name));
  std::atomic<int> writing{5};
  std::atomic<must::position> stored{0};
  std::mutex mutex;
  std::vector<std::string> failures;
  const auto fail = [&](const std::string& why) {
    const std::lock_guard lock(mutex);
    failures.push_back(why);
  };
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 5; ++t)
      threads.emplace_back([&, t] {
        std::mt19937 random(must::testing::suite::seed() + static_cast<unsigned>(t));
        auto& store = t % 2 == 0 ? writes : other;
        for (int i = 0; i < 30; ++i) {
          std::vector<must::cloud_event> events;
          for (auto n = random() % 4; n < 4; ++n) events.push_back(event<fixture>("a", "s" + std::to_string(t), {"t"}));
          const bool rolls_back = t == 4 || i % 3 == 0;
          const auto pause = std::to_string(random() % 8);
          try {
            static_cast<void>(store.append_with(std::span(events), {}, [&](transaction& in) {
              postgres_session::ask(in.handle, "SELECT pg_sleep(0.00" + pause + ")");
              if (rolls_back) throw std::domain_error("no");
            }));
            stored += events.size();
          } catch (const std::domain_error&) {
            if (!rolls_back) fail("rolled back");
          } catch (const std::exception& why) {
            fail(why.what());
          }
        }
        --writing;
      });
    // One follows the tail; one takes samples of it that overlap, and never gains a position below an earlier head.
    threads.emplace_back([&] {
      must::position after = 0;
      for (bool last = false; !last;) {
        last = writing == 0;
        const auto seen = other.read(must::query::of_tags({"t"}), {.after = after}, [&](const record& one) {
          if (one.position != after + 1) fail("a hole before " + std::to_string(one.position));
          after = one.position;
        });
        if (seen.head != after) fail("the head is " + std::to_string(seen.head) + ", seen " + std::to_string(after));
      }
      if (after != stored) fail("the tail ends at " + std::to_string(after));
    });
    threads.emplace_back([&] {
      std::set<must::position> known;
      must::position head = 0;
      while (writing > 0) {
        must::position newest = head;
        static_cast<void>(writes.read(must::query::all(), {.after = head < 30 ? 0 : head - 30}, [&](const record& one) {
          if (known.insert(one.position).second && one.position <= head)
            fail("position " + std::to_string(one.position) + " came after " + std::to_string(head));
          newest = std::max(newest, one.position);
        }));
        head = newest;
      }
    });
  }
  INFO("MUST_TEST_SEED=" << must::testing::suite::seed());
  CHECK(failures == std::vector<std::string>{});
  CHECK(writes.head() == stored);
  CHECK(stored > 100);
}

TEST_CASE("postgres_store: a long transaction of others stops nobody, and one that holds the log is waited for in vain",
          "[storage][postgres]") {
  if (!has_postgres()) return;
  const scratch_schema schema;
  auto options = options_for(schema.name);
  options.timeout = must::duration(1'000'000);
  must::postgres_store store(options);
  append<fixture>(store, event<fixture>("a", "s")).value();
  postgres_session foreign;
  foreign.ask("CREATE TABLE " + schema.name + ".own (n int)");
  // It has a transaction id, and a snapshot of before.
  foreign.ask("BEGIN ISOLATION LEVEL REPEATABLE READ; INSERT INTO " + schema.name + ".own VALUES (1)");
  const auto before = foreign.ask("SELECT max(position) FROM " + schema.name + ".event");
  for (must::position i = 2; i <= 10; ++i) {
    CHECK(append<fixture>(store, event<fixture>("a", "s")).value().last == i);
    CHECK(store.read(must::query::all(), {}, [](const record&) {}).scanned == i);
  }
  CHECK(foreign.ask("SELECT max(position) FROM " + schema.name + ".event") == before);
  foreign.ask("COMMIT");
  // It has the commit lock: readers go on; writers wait until the deadline, and are told so.
  foreign.ask("BEGIN; SELECT pg_advisory_xact_lock(1836413812, '" + schema.name + "'::regnamespace::oid::int)");
  for (int i = 0; i < 2; ++i) {
    const auto why = error_of([&] { static_cast<void>(append<fixture>(store, event<fixture>("a", "s"))); });
    CHECK(why.code == must::error_code::storage_error);
    CHECK(why.backend_code == "57014");
    CHECK(why.retryable);
    CHECK(positions<fixture>(store, must::query::all()).size() == 10);
  }
  foreign.ask("ROLLBACK");
  CHECK(append<fixture>(store, event<fixture>("a", "s")).value().last == 11);
  // It has the table: everybody waits until the deadline.
  foreign.ask("BEGIN; LOCK TABLE " + schema.name + ".event IN ACCESS EXCLUSIVE MODE");
  CHECK(error_of([&] { static_cast<void>(store.head()); }).backend_code == "57014");
  CHECK(error_of([&] { static_cast<void>(append<fixture>(store, event<fixture>("a", "s"))); }).backend_code == "57014");
  foreign.ask("ROLLBACK");
  CHECK(append<fixture>(store, event<fixture>("a", "s")).value().last == 12);
  CHECK(store.version("s") == 12);
}

TEST_CASE("postgres_store: a follower of a store that was restored from an older dump is told so",
          "[storage][postgres]") {
  if (!has_postgres()) return;
  const auto pg_dump = postgres_server::program("pg_dump"), psql = postgres_server::program("psql");
  auto& server = postgres_server::instance();
  if (!server.is_private() || pg_dump.empty() || psql.empty()) {
    must_test::skip("there is no server of the test's own, or no pg_dump or psql",
                    server.is_private() ? "postgresql" : "");
    return;
  }
  const scratch_schema schema;
  const auto file = server.data() + "/" + schema.name + ".sql";
  const auto follow = [&](must::postgres_store& store) {
    std::vector<must::position> seen;
    must::subscription(store, "one", must::query::all(), [&](const record& one) {
      seen.push_back(one.position);
    }).run_once();
    return seen;
  };
  std::string history, checkpoint;
  {
    must::postgres_store store(options_for(schema.name));
    history = store.history();
    for (int i = 0; i < 3; ++i) append<fixture>(store, event<fixture>("a")).value();
    CHECK(follow(store).size() == 3);
    server.run_to_the_end({pg_dump, "-d", server.conninfo(), "-n", schema.name, "-f", file});
    for (int i = 0; i < 2; ++i) append<fixture>(store, event<fixture>("a")).value();
    CHECK(follow(store).size() == 2);
    checkpoint = store.get("must/subscription/one")->bytes;
  }
  postgres_session session;
  session.ask("DROP SCHEMA " + schema.name + " CASCADE");
  server.run_to_the_end({psql, "-q", "-v", "ON_ERROR_STOP=1", "-d", server.conninfo(), "-f", file});
  must::postgres_store restored(options_for(schema.name));
  CHECK(restored.history() == history);
  CHECK(restored.head() == 3);
  const auto put_back = [&](must::postgres_store& store) {  // as who keeps its checkpoints elsewhere
    const auto now = store.get("must/subscription/one");
    CHECK(store.put("must/subscription/one", checkpoint, now->revision));
  };
  CHECK(follow(restored).empty());  // restored together with the checkpoint: it goes on from there
  put_back(restored);
  for (int i = 0; i < 4; ++i) {  // below the checkpoint, at it, beyond it
    const auto why = error_of([&] { follow(restored); });
    CHECK(why.code == must::error_code::history_changed);
    CHECK(why.position == 5);
    append<fixture>(restored, event<fixture>("b")).value();
  }
  // An incarnation that is set says so too, even where the events are those that were seen.
  must::subscription(restored, "two", must::query::all(), [](const record&) {}).run_once();
  session.ask("UPDATE " + schema.name + ".store SET incarnation = gen_random_uuid()");
  must::postgres_store marked(options_for(schema.name));
  CHECK(marked.history().substr(0, 36) == history.substr(0, 36));
  CHECK(marked.history() != history);
  const auto why =
      error_of([&] { must::subscription(marked, "two", must::query::all(), [](const record&) {}).run_once(); });
  CHECK(why.code == must::error_code::history_changed);
}

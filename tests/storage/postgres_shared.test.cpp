// SPDX-License-Identifier: MIT
// postgres_store: threads that append at the same time share commits, and each append keeps what is its own.
#include "must/storage/postgres.hpp"

#include "stores/postgres.hpp"
#include "support/catch.hpp"
#include "support/soon.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <latch>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace {

using fixture = must_test::postgres_fixture;
using must::testing::suite::event;
using must_test::has_own_postgres;
using must_test::options_for;
using must_test::postgres_server;
using must_test::postgres_session;
using must_test::scratch_schema;

// The number of transactions that have stored the events of a schema.
std::size_t transactions(const std::string& schema) {
  return std::stoul(postgres_session().ask("SELECT count(DISTINCT xmin::text) FROM " + schema + ".event"));
}

// Keeps the lock of appends from the store.
class commit_lock {
 public:
  explicit commit_lock(const std::string& schema) : key_("1836413812, '\"" + schema + "\"'::regnamespace::oid::int") {
    session_.ask("SELECT pg_advisory_lock(" + key_ + ")");
  }
  void give() { CHECK(session_.ask("SELECT pg_advisory_unlock(" + key_ + ")") == "t"); }
  // Whether as many transactions wait for it.
  bool has_waiting(int count) {
    return session_.ask("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") ==
           std::to_string(count);
  }

 private:
  std::string key_;
  postgres_session session_{};
};

// What an append has returned or thrown, for a thread that asserts nothing.
template <typename Append>
std::string outcome_of(Append&& append) {
  try {
    const must::append_result done = append();
    return done.stored() ? "stored at " + std::to_string(done->last) : "conflict";
  } catch (const must::exception& why) {
    const std::string again = why.error().retryable ? ", to be tried again" : "";
    switch (why.error().code) {
      case must::error_code::duplicate_id: return "duplicate_id" + again;
      case must::error_code::position_ahead: return "position_ahead" + again;
      case must::error_code::storage_error: return "storage_error" + again;
      case must::error_code::outcome_unknown: return "outcome_unknown" + again;
      default: return why.what();
    }
  }
}

// What became of the appends of many threads, each of which appends to a stream of its own and to one of all. An append
// that fails is sent again, until it is stored.
class writers {
 public:
  writers(must::postgres_store& store, int threads, int appends) {
    for (int who = 0; who < threads; ++who)
      threads_.emplace_back([this, &store, who, appends] {
        for (int n = 0; n < appends; ++n) append(store, who, n);
      });
  }
  // Ends when all have ended, and compares what is stored with what the appends have returned.
  void check(must::postgres_store& store) {
    threads_.clear();
    std::map<std::string, must::position> stored;
    std::map<std::string, std::uint64_t> versions;
    must::position last = 0;
    store.read(must::query::all(), {}, [&](const auto& one) {
      if (one.position != ++last) FAIL_CHECK("position " << one.position << " after " << last - 1);
      if (one.version.value != ++versions[one.subject]) FAIL_CHECK("a gap in stream " << one.subject);
      if (!stored.emplace(one.id, one.position).second) FAIL_CHECK(one.id << " is stored twice");
    });
    CHECK(stored == told_);
    CHECK(wrong_.empty());
  }

 private:
  void append(must::postgres_store& store, int who, int n) {
    std::vector both{event<fixture>("a", "own" + std::to_string(who)), event<fixture>("a", "all")};
    const must::append_condition condition{.streams = {must::stream_expectation::exactly(both[0].subject, n)}};
    for (;;) try {
        const auto done = store.append(both, condition).value();
        const std::lock_guard lock(mutex_);
        told_[both[0].id] = done.first;
        told_[both[1].id] = done.last;
        return;
      } catch (const must::exception& why) {
        const auto code = why.error().code;
        if (code == must::error_code::storage_error || code == must::error_code::outcome_unknown) continue;
        const std::lock_guard lock(mutex_);
        wrong_ = why.what();
        return;
      }
  }

  std::mutex mutex_{};
  std::map<std::string, must::position> told_{};
  std::string wrong_{};
  std::vector<std::jthread> threads_{};
};

}  // namespace

TEST_CASE("postgres_store: threads that append at the same time share a commit, and one alone shares none",
          "[storage][postgres][race]") {
  if (!has_own_postgres()) return;
  const scratch_schema schema;
  must::postgres_store store(options_for(schema.name));
  for (int i = 0; i < 3; ++i) must::testing::suite::append<fixture>(store, event<fixture>("a")).value();
  CHECK(transactions(schema.name) == 3);
  commit_lock lock(schema.name);
  std::latch comes(8);
  const auto append_one = [&] { must::testing::suite::append<fixture>(store, event<fixture>("a")).value(); };
  std::jthread first(append_one);
  REQUIRE(must_test::soon([&] { return lock.has_waiting(1); }));
  std::vector<std::jthread> others;
  for (int i = 0; i < 8; ++i)
    others.emplace_back([&] {
      comes.arrive_and_wait();
      append_one();
    });
  REQUIRE(must_test::soon([&] { return store.waiting() == 8; }));
  lock.give();
  first.join();
  others.clear();
  CHECK(store.head() == 12);
  CHECK(transactions(schema.name) == 5);
}

TEST_CASE("postgres_store: each append that shares a commit keeps its condition, its result and its error",
          "[storage][postgres][race]") {
  if (!has_own_postgres()) return;
  const scratch_schema schema;
  must::postgres_store store(options_for(schema.name));
  const auto known = event<fixture>("a", "known");
  must::testing::suite::append<fixture>(store, known).value();
  auto other = known;
  other.type = "b";
  const must::append_condition none{}, no_stream{.streams = {must::stream_expectation::no_stream("new")}},
      beyond{.query = must::query::all(), .after = 100};
  std::vector<std::string> told(5);
  commit_lock lock(schema.name);
  {
    std::jthread first([&] { must::testing::suite::append<fixture>(store, event<fixture>("a")).value(); });
    REQUIRE(must_test::soon([&] { return lock.has_waiting(1); }));
    std::vector<std::jthread> others;
    const auto in_thread = [&](const must::cloud_event& one, const must::append_condition& condition) {
      others.emplace_back([&store, &condition, one, &to = told[others.size()]] {
        to = outcome_of([&] { return must::testing::suite::append<fixture>(store, one, condition); });
      });
      REQUIRE(must_test::soon([&] { return store.waiting() == others.size(); }));
    };
    in_thread(event<fixture>("a", "new"), no_stream);
    in_thread(event<fixture>("a", "new"), no_stream);
    in_thread(known, none);
    in_thread(other, none);
    in_thread(event<fixture>("a"), beyond);
    lock.give();
  }
  CHECK(told == std::vector<std::string>{"stored at 3", "conflict", "stored at 1", "duplicate_id", "position_ahead"});
  CHECK(store.head() == 3);
}

TEST_CASE("postgres_store: an append that shares a commit is over in its time, and can be sent again",
          "[storage][postgres][race]") {
  if (!has_own_postgres()) return;
  for (const bool pooled : {false, true}) {
    INFO((pooled ? "pooled" : "not pooled"));
    const scratch_schema schema;
    auto options = options_for(schema.name);
    options.timeout = must::duration(1'500'000);
    options.pooled = pooled;
    must::postgres_store store(options);
    must::testing::suite::append<fixture>(store, event<fixture>("a")).value();
    std::vector<must::cloud_event> events;
    for (int i = 0; i < 6; ++i) events.push_back(event<fixture>("a", "s"));
    std::vector<std::string> told(events.size());
    commit_lock lock(schema.name);
    {
      std::vector<std::jthread> threads;
      for (std::size_t i = 0; i < events.size(); ++i)
        threads.emplace_back(
            [&, i] { told[i] = outcome_of([&] { return must::testing::suite::append<fixture>(store, events[i]); }); });
    }  // All are over, though the lock was never given.
    for (const auto& one : told)
      CHECK((one == "storage_error, to be tried again" || one == "outcome_unknown, to be tried again"));
    lock.give();
    for (const auto& one : events) must::testing::suite::append<fixture>(store, one).value();
    CHECK(store.head() == 7);
    CHECK(store.version("s") == 6);
  }
}

TEST_CASE("postgres_store: connections that are lost under shared commits lose and repeat no append",
          "[storage][postgres][race]") {
  if (!has_own_postgres()) return;
  const scratch_schema schema;
  must::postgres_store store(options_for(schema.name));
  writers all(store, 12, 40);
  std::jthread kills([&](const std::stop_token& stop) {
    postgres_session session;
    while (!stop.stop_requested()) {
      session.ask(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'must' AND state <> 'idle'");
      std::this_thread::sleep_for(std::chrono::milliseconds(15));
    }
  });
  all.check(store);
  CHECK(store.head() == 12 * 40 * 2);
  CHECK(transactions(schema.name) < 12 * 40);
}

TEST_CASE("postgres_store: a server that is killed under shared commits has all that was acknowledged",
          "[storage][postgres][race]") {
  if (!has_own_postgres()) return;
  const scratch_schema schema;
  auto options = options_for(schema.name);
  options.conninfo += " options='-c synchronous_commit=on'";
  must::postgres_store store(options);
  writers all(store, 12, 60);
  for (int i = 0; i < 2; ++i) {
    const auto head = store.head();
    REQUIRE(must_test::soon([&] { return store.head() > head + 100; }));
    postgres_server::instance().kill();
  }
  all.check(store);
  CHECK(store.head() == 12 * 60 * 2);
}

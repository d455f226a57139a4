// SPDX-License-Identifier: MIT
// Subscriptions on PostgreSQL: from append to handler against a bare NOTIFY, catching up against a bare read.
//
// The server is a private one, durable, in the current folder; MUST_TEST_POSTGRES=<conninfo> names another.
#include "must/subscription.hpp"

#include "must/storage/postgres.hpp"

#include "benchmarks/follow_events.hpp"
#include "benchmarks/ratios.hpp"
#include "benchmarks/store_events.hpp"
#include "servers/postgres.hpp"

#include <libpq-fe.h>

#include <poll.h>
#include <atomic>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <stop_token>
#include <string>
#include <thread>

namespace {

constexpr int pings = 1'000;
std::string conninfo() { return must_test::postgres_server::instance().conninfo(); }
// A schema of its own, dropped at the end.
class scratch_store {
 public:
  scratch_store() = default;
  scratch_store(const scratch_store&) = delete;
  scratch_store& operator=(const scratch_store&) = delete;
  ~scratch_store() { must_test::postgres_session().ask("DROP SCHEMA IF EXISTS " + name_ + " CASCADE"); }
  must::postgres_store& operator*() { return store_; }
  // The same events by connections of its own, as another process has them; `more` is added to the conninfo.
  [[nodiscard]] must::postgres_store another(const std::string& more) const {
    return must::postgres_store(must::postgres_options{.conninfo = conninfo() + more, .schema = name_});
  }

 private:
  std::string name_ = bench::next_name();
  must::postgres_store store_{must::postgres_options{.conninfo = conninfo(), .schema = name_}};
};

template <typename Number>
void wait_for(const std::atomic<Number>& seen, Number at) {
  for (auto now = seen.load(); now < at; now = seen.load()) seen.wait(now);
}

// Waits on the socket of a connection, and calls `told(text)` for each NOTIFY. Says whether there was one.
template <typename Told>
bool hear(PGconn* connection, Told&& told) {
  ::pollfd input{PQsocket(connection), POLLIN, 0};
  ::poll(&input, 1, 100);
  PQconsumeInput(connection);
  bool any = false;
  while (auto* notified = PQnotifies(connection)) {
    any = true;
    told(notified->extra);
    PQfreemem(notified);
  }
  return any;
}

// A thread that waits on the socket of its connection, and calls `told(connection, text)` for each NOTIFY.
class listener {
 public:
  template <typename Told>
  explicit listener(Told told) {
    must_test::postgres_session::ask(waits_, "LISTEN bare");
    thread_ = std::jthread([this, told](const std::stop_token& stop) {
      while (!stop.stop_requested()) hear(waits_, [&](const char* text) { told(waits_, text); });
    });
  }
  listener(const listener&) = delete;
  listener& operator=(const listener&) = delete;
  ~listener() {
    thread_ = {};
    PQfinish(tells);
    PQfinish(waits_);
  }
  PGconn* tells = PQconnectdb(conninfo().c_str());

 private:
  PGconn* waits_ = PQconnectdb(conninfo().c_str());
  std::jthread thread_{};
};

// One way: one connection says NOTIFY and has its answer, another has heard it; nothing is stored.
void bare_notify(benchmark::State& state) {
  std::atomic<int> seen{0};
  const listener hears([&](PGconn*, const char* text) {
    seen = std::atoi(text);
    seen.notify_all();
  });
  int sent = 0;
  bench::median_of(state, pings, [&] {
    must_test::postgres_session::ask(hears.tells, "NOTIFY bare, '" + std::to_string(++sent) + "'");
    wait_for(seen, sent);
  });
}
// There and back: the other connection answers with a NOTIFY of its own.
void bare_notify_and_back(benchmark::State& state) {
  using must_test::postgres_session;
  const listener answers([](PGconn* connection, const char*) { postgres_session::ask(connection, "NOTIFY back"); });
  postgres_session::ask(answers.tells, "LISTEN back");
  bench::median_of(state, pings, [&] {
    postgres_session::ask(answers.tells, "NOTIFY bare");
    for (bool is_back = false; !is_back;) is_back = hear(answers.tells, [](const char*) {});
  });
}
// A row is stored with its notification in one durable transaction, and fetched by whoever hears of it: no versions,
// tags, ids, conditions, lanes or checkpoints.
void by_hand(benchmark::State& state) {
  using must_test::postgres_session;
  postgres_session().ask("CREATE TABLE by_hand(position bigserial PRIMARY KEY, data text)");
  {
    std::atomic<int> seen{0};
    const listener hears([&](PGconn* connection, const char* text) {
      const auto rows = postgres_session::ask(
          connection, "SELECT data, position FROM by_hand WHERE position >= " + std::string(text) + " ORDER BY 2");
      seen = rows.empty() ? 0 : std::atoi(text);
      seen.notify_all();
    });
    const std::string body(200, 'x');
    int sent = 0;
    bench::median_of(state, pings, [&] {
      postgres_session::ask(hears.tells, "WITH stored AS (INSERT INTO by_hand(data) VALUES('" + body +
                                             "') RETURNING position) "
                                             "SELECT pg_notify('bare', (SELECT position FROM stored)::text)");
      wait_for(seen, ++sent);
    });
  }
  postgres_session().ask("DROP TABLE by_hand");
}
// `store` appends, and a subscription on `followed` handles.
void from_append_to_handler(benchmark::State& state, must::postgres_store& store, must::postgres_store& followed) {
  std::atomic<must::position> seen{0};
  must::subscription follows(
      followed, "live", must::query::all(), [&](const auto& event) { seen = event.position, seen.notify_all(); },
      bench::in_peace);
  const std::jthread other([&](const std::stop_token& stop) { follows.run(stop); });
  std::size_t number = 0;
  double until_stored = 0;
  bench::median_of(state, pings, [&] {
    auto event = bench::make_event(++number);
    const bench::stopwatch watch;
    const auto stored = store.append(std::span(&event, 1), {}).value();
    until_stored += watch.seconds();
    wait_for(seen, stored.last);
  });
  state.counters["us to append"] = until_stored * 1e6 / static_cast<double>(number);
}
void append_to_handler(benchmark::State& state) {
  scratch_store store;
  from_append_to_handler(state, *store, *store);
}
// What follows hears of it by NOTIFY alone.
void append_elsewhere_to_handler(benchmark::State& state) {
  scratch_store store;
  auto elsewhere = store.another("");
  from_append_to_handler(state, elsewhere, *store);
}
// No more durable than a bare NOTIFY is.
void append_not_flushed_to_handler(benchmark::State& state) {
  scratch_store store;
  auto elsewhere = store.another(" options='-c synchronous_commit=off'");
  from_append_to_handler(state, elsewhere, *store);
}
void one_event(benchmark::State& state) {
  scratch_store store;
  bench::fill(*store, 1, 1);
  for (auto _ : state)
    static_cast<void>(
        (*store).read(must::query::all(), {}, [](const auto& event) { benchmark::DoNotOptimize(&event); }));
}

must::postgres_store& filled() {
  static scratch_store store;
  if ((*store).head() == 0) bench::fill(*store, 200'000, 100'000);
  return *store;
}
void read(benchmark::State& state) { bench::read_all(state, filled()); }
void catch_up(benchmark::State& state) { bench::catch_up(state, filled()); }

BENCHMARK(bare_notify)->UseManualTime()->Iterations(1)->Repetitions(5);
BENCHMARK(bare_notify_and_back)->UseManualTime()->Iterations(1)->Repetitions(5);
BENCHMARK(append_to_handler)->UseManualTime()->Iterations(1)->Repetitions(5);
BENCHMARK(append_elsewhere_to_handler)->UseManualTime()->Iterations(1)->Repetitions(5);
BENCHMARK(append_not_flushed_to_handler)->UseManualTime()->Iterations(1)->Repetitions(5);
BENCHMARK(one_event)->Iterations(1'000)->Repetitions(5)->MeasureProcessCPUTime();
BENCHMARK(by_hand)->UseManualTime()->Iterations(1)->Repetitions(5);
BENCHMARK(read)->Iterations(1)->Repetitions(7)->MeasureProcessCPUTime();
BENCHMARK(catch_up)->Iterations(1)->Repetitions(7)->MeasureProcessCPUTime();

}  // namespace

int main(int argc, char** argv) {
  must_test::postgres_server::durable = true;
  if (const auto& server = must_test::postgres_server::instance(); !server.available()) {
    std::printf("skipped: %s\n", server.reason().c_str());
    return 0;
  }
  return ratios::run(
      argc, argv,
      {{"append to handler on PostgreSQL / a bare NOTIFY, there and back", "append_to_handler", "bare_notify_and_back",
        5},
       {"append to handler on PostgreSQL / a bare NOTIFY, one way", "append_to_handler", "bare_notify", 5},
       {"append, not flushed, to handler / a bare NOTIFY, one way", "append_not_flushed_to_handler", "bare_notify", 5},
       {"append to handler on PostgreSQL / a durable row by hand", "append_to_handler", "by_hand", 2},
       {"append elsewhere to handler / a durable row by hand", "append_elsewhere_to_handler", "by_hand", 2},
       {"catching up on PostgreSQL / the bare read", "catch_up", "read", 1 / 0.9}});
}

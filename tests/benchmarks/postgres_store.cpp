// SPDX-License-Identifier: MIT
// postgres_store against libpq by hand with the same tables, indexes and durability, on the same server.
//
// The server is a private one, durable, in the current folder; MUST_TEST_POSTGRES=<conninfo> names another.
#include "must/storage/postgres.hpp"

#include "must/must.hpp"

#include "benchmarks/ratios.hpp"
#include "benchmarks/store_events.hpp"
#include "servers/postgres.hpp"

#include <libpq-fe.h>

#include <array>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using bench::stopwatch;

std::string conninfo() { return must_test::postgres_server::instance().conninfo(); }

// A schema of its own, dropped at the end.
class scratch_schema {
 public:
  scratch_schema() = default;
  scratch_schema(const scratch_schema&) = delete;
  scratch_schema& operator=(const scratch_schema&) = delete;
  ~scratch_schema() { must_test::postgres_session().ask("DROP SCHEMA IF EXISTS " + name + " CASCADE"); }
  const std::string name = "bench_" + std::to_string(++count);

 private:
  static inline int count = 0;
};
must::postgres_options options(const std::string& schema) { return {.conninfo = conninfo(), .schema = schema}; }

// An array in PostgreSQL's binary format.
class raw_array {
 public:
  explicit raw_array(std::uint32_t element_type) { put32(1), put32(0), put32(element_type), put32(0), put32(1); }
  void add(std::string_view bytes) {
    put32(static_cast<std::uint32_t>(bytes.size()));
    bytes_ += bytes;
    ++count_;
  }
  void add64(std::int64_t value) {
    char to[8];
    for (unsigned i = 0; i < 8; ++i) to[i] = static_cast<char>(static_cast<std::uint64_t>(value) >> (56 - 8 * i));
    add({to, 8});
  }
  void add32(std::int32_t value) {
    char to[4];
    for (unsigned i = 0; i < 4; ++i) to[i] = static_cast<char>(static_cast<std::uint32_t>(value) >> (24 - 8 * i));
    add({to, 4});
  }
  const std::string& finish() {
    for (unsigned i = 0; i < 4; ++i) bytes_[12 + i] = static_cast<char>(count_ >> (24 - 8 * i));
    return bytes_;
  }

 private:
  void put32(std::uint32_t value) {
    for (unsigned i = 0; i < 4; ++i) bytes_ += static_cast<char>(value >> (24 - 8 * i));
  }
  std::string bytes_{};
  std::uint32_t count_ = 0;
};

// By hand: one function call an append, with the lock as a statement of its own, version and position found under it;
// no identity, no conditions, no notification.
class raw_store {
 public:
  explicit raw_store(const std::string& schema) : connection_(PQconnectdb(conninfo().c_str())), schema_(schema) {
    run(must::postgres_store::schema_sql(schema));
    run("CREATE FUNCTION " + schema +
        R"sql(.raw_append(ids text[], sources text[], types text[], streams text[], times bigint[],
  tag_sets bytea[], content_types text[], datas bytea[], digests bytea[], tag_event int[], tag_names text[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
DECLARE head bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(77);
  head := coalesce((SELECT position FROM )sql" +
        schema + R"sql(.event ORDER BY position DESC LIMIT 1), 0);
  INSERT INTO )sql" +
        schema +
        R"sql(.event (position, stream, version, type, id, source, time, recorded_at, tags, content_type, state, data,
      attributes, append_offset, append_size, digest)
    SELECT head + u.n, u.stream, coalesce((SELECT version FROM )sql" +
        schema + R"sql(.event e WHERE e.stream = u.stream ORDER BY version DESC LIMIT 1), 0)
        + row_number() OVER (PARTITION BY u.stream ORDER BY u.n), u.type, u.id, u.source, u.time, u.time, u.tags,
      u.content_type, 2, u.data, '', u.n - 1, cardinality(ids), u.digest
    FROM unnest(ids, sources, types, streams, times, tag_sets, content_types, datas, digests) WITH ORDINALITY
      AS u(id, source, type, stream, time, tags, content_type, data, digest, n);
  INSERT INTO )sql" +
        schema + R"sql(.tag (tag, position, type) SELECT t.name, head + t.event, types[t.event]
    FROM unnest(tag_names, tag_event) AS t(name, event);
  RETURN head + cardinality(ids);
END $$)sql");
    prepare("append", "SELECT " + schema + ".raw_append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)");
  }
  raw_store(const raw_store&) = delete;
  raw_store& operator=(const raw_store&) = delete;
  ~raw_store() { PQfinish(connection_); }

  void append(std::span<must::cloud_event> events) {
    constexpr std::uint32_t text = 25, bytes = 17, int8 = 20, int4 = 23;
    raw_array ids(text), sources(text), types(text), streams(text), times(int8), tag_sets(bytes), content_types(text),
        datas(bytes), digests(bytes), tag_event(int4), tag_names(text);
    std::int32_t number = 0;
    for (const auto& event : events) {
      ++number;
      ids.add(event.id);
      sources.add(event.source);
      types.add(event.type);
      streams.add(event.subject);
      times.add64(event.time ? event.time->microseconds : 0);
      std::string tags;
      for (const auto& tag : event.tags) {
        (tags += static_cast<char>(tag.size())) += tag;
        tag_event.add32(number);
        tag_names.add(tag);
      }
      tag_sets.add(tags);
      content_types.add(event.data.content_type());
      datas.add(event.data.bytes());
      digests.add("0123456789abcdef");
    }
    call("append",
         {&ids.finish(), &sources.finish(), &types.finish(), &streams.finish(), &times.finish(), &tag_sets.finish(),
          &content_types.finish(), &datas.finish(), &digests.finish(), &tag_event.finish(), &tag_names.finish()});
  }

  // Reads pages of binary rows by position into a struct of strings.
  std::size_t read_all(std::size_t page) {
    static constexpr const char* columns =
        "SELECT position, stream, version, type, id, source, time, recorded_at, tags, content_type, data FROM ";
    const auto name = "page" + std::to_string(++pages_);
    prepare(name, columns + schema_ + ".event WHERE position > $1 ORDER BY position LIMIT " + std::to_string(page));
    std::uint64_t after = 0;
    std::size_t events = 0;
    for (;;) {
      std::string from(8, '\0');
      for (unsigned i = 0; i < 8; ++i) from[i] = static_cast<char>(after >> (56 - 8 * i));
      auto* const rows = call(name, {&from}, false);
      const int count = PQntuples(rows);
      for (int row = 0; row < count; ++row) {
        take(rows, row);
        benchmark::DoNotOptimize(record_);
      }
      events += static_cast<std::size_t>(count);
      after = record_.position;
      PQclear(rows);
      if (static_cast<std::size_t>(count) < page) return events;
    }
  }
  PGconn* connection() const { return connection_; }

 private:
  void take(PGresult* rows, int row) {
    const auto text = [&](int column) {
      return std::string_view(PQgetvalue(rows, row, column), static_cast<std::size_t>(PQgetlength(rows, row, column)));
    };
    const auto number = [&](int column) {
      std::uint64_t value = 0;
      for (const char byte : text(column)) value = value << 8U | static_cast<unsigned char>(byte);
      return value;
    };
    record_.position = number(0);
    record_.stream = text(1);
    record_.version = number(2);
    record_.type = text(3);
    record_.id = text(4);
    record_.source = text(5);
    record_.time = static_cast<std::int64_t>(number(6));
    record_.recorded_at = static_cast<std::int64_t>(number(7));
    record_.take_tags(text(8));
    record_.content_type = text(9);
    record_.data = text(10);
  }
  static void need(PGresult* result) {
    const auto status = PQresultStatus(result);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return;
    std::fprintf(stderr, "%s\n", PQresultErrorMessage(result));
    std::abort();
  }
  void run(const std::string& sql) {
    auto* const result = PQexec(connection_, sql.c_str());
    need(result);
    PQclear(result);
  }
  void prepare(const std::string& name, const std::string& sql) {
    auto* const result = PQprepare(connection_, name.c_str(), sql.c_str(), 0, nullptr);
    need(result);
    PQclear(result);
  }
  PGresult* call(const std::string& name, const std::vector<const std::string*>& parameters, bool clear = true) {
    std::vector<const char*> values;
    std::vector<int> sizes, formats;
    for (const auto* one : parameters) {
      values.push_back(one->data());
      sizes.push_back(static_cast<int>(one->size()));
      formats.push_back(1);
    }
    auto* const result = PQexecPrepared(connection_, name.c_str(), static_cast<int>(values.size()), values.data(),
                                        sizes.data(), formats.data(), 1);
    need(result);
    if (clear) PQclear(result);
    return result;
  }

  PGconn* connection_;
  std::string schema_;
  bench::plain_record record_{};
  int pages_ = 0;
};

void append_by_hand(benchmark::State& state, std::size_t size, std::size_t total) {
  const scratch_schema schema;
  raw_store store(schema.name);
  bench::append_in_batches(state, size, total, [&](std::span<must::cloud_event> events) { store.append(events); });
}
void append_by_must(benchmark::State& state, std::size_t size, std::size_t total) {
  const scratch_schema schema;
  must::postgres_store store(options(schema.name));
  bench::append_in_batches(state, size, total,
                           [&](std::span<must::cloud_event> events) { store.append(events, {}).value(); });
}
void single_hand(benchmark::State& state) { append_by_hand(state, 1, 2'000); }
void single_must(benchmark::State& state) { append_by_must(state, 1, 2'000); }
void batch_1000_hand(benchmark::State& state) { append_by_hand(state, 1'000, 20'000); }
void batch_1000_must(benchmark::State& state) { append_by_must(state, 1'000, 20'000); }

// Threads of one store, which share commits by themselves.
void shared_64(benchmark::State& state) {
  for (auto _ : state) {
    const scratch_schema schema;
    must::postgres_store store(options(schema.name));
    bench::set_time(state, bench::append_by_threads(store, 64, 150));
  }
}

// Lets the server do what follows an import: otherwise it does so while we measure.
void settle() {
  must_test::postgres_session session;
  session.ask("VACUUM ANALYZE");
  session.ask("CHECKPOINT");
}

void read_all_hand(benchmark::State& state) {
  const scratch_schema schema;
  raw_store store(schema.name);
  for (std::size_t i = 0; i < 100'000; i += 10'000) {
    auto events = bench::make_events(i, 10'000);
    store.append(events);
  }
  settle();
  for (auto _ : state)
    if (store.read_all(4'000) != 100'000) std::abort();
}
void read_all_must(benchmark::State& state) {
  const scratch_schema schema;
  must::postgres_store store(options(schema.name));
  bench::fill(store, 100'000, 100'000);
  settle();
  for (auto _ : state)
    if (bench::read_and_weigh(state, store, must::query::all()) != 100'000) std::abort();
}

void conditional(benchmark::State& state, std::size_t count) {
  const scratch_schema schema;
  must::postgres_store store(options(schema.name));
  bench::fill(store, count, 100'000);
  settle();
  for (auto _ : state) bench::set_time(state, bench::append_under_two_tags(store, 1'000));
  if (bench::read_and_weigh(state, store, must::query::all()) < count) std::abort();
}
void conditional_small(benchmark::State& state) { conditional(state, 10'000); }
void conditional_large(benchmark::State& state) { conditional(state, 1'000'000); }

BENCHMARK(single_hand)->UseManualTime()->Iterations(1)->Repetitions(5);
BENCHMARK(single_must)->UseManualTime()->Iterations(1)->Repetitions(5);
BENCHMARK(batch_1000_hand)->UseManualTime()->Iterations(1)->Repetitions(5);
BENCHMARK(batch_1000_must)->UseManualTime()->Iterations(1)->Repetitions(5);
BENCHMARK(shared_64)->UseManualTime()->Iterations(1)->Repetitions(5);
BENCHMARK(read_all_hand)->Iterations(5)->Repetitions(5)->MeasureProcessCPUTime();
BENCHMARK(read_all_must)->Iterations(5)->Repetitions(5)->MeasureProcessCPUTime();
BENCHMARK(conditional_small)->UseManualTime()->Iterations(3)->Repetitions(3);
BENCHMARK(conditional_large)->UseManualTime()->Iterations(3)->Repetitions(1);

}  // namespace

int main(int argc, char** argv) {
  must_test::postgres_server::durable = true;
  if (const auto& server = must_test::postgres_server::instance(); !server.available()) {
    std::printf("skipped: %s\n", server.reason().c_str());
    return 0;
  }
  return ratios::run(
      argc, argv,
      {{"single appends from one connection / by hand", "single_must", "single_hand", 1 / 0.9},
       {"batches of 1,000 / by hand with UNNEST", "batch_1000_must", "batch_1000_hand", 1 / 0.85},
       {"64 threads of one store / one thread", "shared_64", "single_must", 1 / 8.0},
       {"reading all / by hand, binary rows", "read_all_must", "read_all_hand", 1 / 0.85},
       {"conditional append at 1,000,000 / at 10,000 events", "conditional_large", "conditional_small", 1.5}});
}

// SPDX-License-Identifier: MIT
// sqlite_store against a loop over SQLite's C API with the same tables, indexes and durability, on the same disk.
#include "must/storage/sqlite.hpp"

#include "benchmarks/ratios.hpp"
#include "benchmarks/store_events.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

using bench::stopwatch;
using must::sqlite_durability;

struct scratch_file : bench::scratch_file {
  scratch_file() : bench::scratch_file(".db", {"-wal", "-shm"}) {}
};

void need(int code) {
  if (code != SQLITE_OK && code != SQLITE_DONE && code != SQLITE_ROW) std::abort();
}

// By hand: statements prepared once, head and version read in the transaction, no identity, no conditions.
class raw_store {
 public:
  raw_store(const std::string& path, sqlite_durability durability) {
    need(sqlite3_open_v2(path.c_str(), &database_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                         nullptr));
    run("PRAGMA journal_mode = WAL");
    run(durability == sqlite_durability::full ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
    run("PRAGMA wal_autocheckpoint = 4000");
    if (!has_tables()) run(must::sqlite_store::schema().c_str());
    begin_ = prepare("BEGIN IMMEDIATE");
    commit_ = prepare("COMMIT");
    head_ = prepare("SELECT max(position) FROM must_event");
    version_ = prepare("SELECT max(version) FROM must_event WHERE stream = ?1");
    event_ = prepare(
        "INSERT INTO must_event(position, stream, version, type, id, source, time, recorded_at, append_offset, "
        "append_size, "
        "digest, state, content_type, tags, data) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8, ?9, ?10, 2, ?11, ?12, "
        "?13)");
    tag_ = prepare("INSERT INTO must_tag(tag, position, type) VALUES(?1, ?2, ?3)");
  }
  raw_store(const raw_store&) = delete;
  raw_store& operator=(const raw_store&) = delete;
  ~raw_store() {
    for (auto* one : all_) sqlite3_finalize(one);
    sqlite3_close(database_);
  }

  void append(std::span<must::cloud_event> events) {
    step(begin_);
    auto position = number(head_);
    std::int64_t offset = 0;
    for (const auto& event : events) {
      text(version_, 1, event.subject);
      const auto version = number(version_) + 1;
      sqlite3_bind_int64(event_, 1, ++position);
      text(event_, 2, event.subject);
      sqlite3_bind_int64(event_, 3, version);
      text(event_, 4, event.type);
      text(event_, 5, event.id);
      text(event_, 6, event.source);
      sqlite3_bind_int64(event_, 7, event.time ? event.time->microseconds : 0);
      sqlite3_bind_int64(event_, 8, offset++);
      sqlite3_bind_int64(event_, 9, static_cast<std::int64_t>(events.size()));
      sqlite3_bind_blob(event_, 10, "0123456789abcdef", 16, SQLITE_STATIC);
      text(event_, 11, event.data.content_type());
      std::string tags;
      for (const auto& tag : event.tags) (tags += static_cast<char>(tag.size())) += tag;
      sqlite3_bind_blob(event_, 12, tags.data(), static_cast<int>(tags.size()), SQLITE_STATIC);
      sqlite3_bind_blob(event_, 13, event.data.bytes().data(), static_cast<int>(event.data.bytes().size()),
                        SQLITE_STATIC);
      step(event_);
      for (const auto& tag : event.tags) {
        text(tag_, 1, tag);
        sqlite3_bind_int64(tag_, 2, position);
        text(tag_, 3, event.type);
        step(tag_);
      }
    }
    step(commit_);
  }

  // Reads rows into a struct of strings, as whoever uses them would.
  std::size_t read(sqlite3_stmt* rows, std::string_view name) {
    if (!name.empty()) text(rows, 1, name);
    bench::plain_record record;
    std::size_t count = 0;
    const auto column = [&](int i) {
      const auto* bytes = static_cast<const char*>(sqlite3_column_blob(rows, i));
      return std::string_view(bytes, bytes == nullptr ? 0 : static_cast<std::size_t>(sqlite3_column_bytes(rows, i)));
    };
    while (sqlite3_step(rows) == SQLITE_ROW) {
      record.position = static_cast<std::uint64_t>(sqlite3_column_int64(rows, 0));
      record.stream = column(1);
      record.version = static_cast<std::uint64_t>(sqlite3_column_int64(rows, 2));
      record.type = column(3);
      record.id = column(4);
      record.source = column(5);
      record.time = sqlite3_column_int64(rows, 6);
      record.recorded_at = sqlite3_column_int64(rows, 7);
      record.take_tags(column(8));
      record.content_type = column(9);
      record.data = column(10);
      benchmark::DoNotOptimize(record);
      ++count;
    }
    sqlite3_reset(rows);
    return count;
  }
  sqlite3_stmt* prepare(const char* sql) {
    sqlite3_stmt* made = nullptr;
    need(sqlite3_prepare_v3(database_, sql, -1, SQLITE_PREPARE_PERSISTENT, &made, nullptr));
    all_.push_back(made);
    return made;
  }

 private:
  void run(const char* sql) { need(sqlite3_exec(database_, sql, nullptr, nullptr, nullptr)); }
  bool has_tables() { return number(prepare("SELECT count(*) FROM sqlite_schema WHERE name = 'must_event'")) == 1; }
  static void text(sqlite3_stmt* to, int index, std::string_view value) {
    sqlite3_bind_text(to, index, value.data(), static_cast<int>(value.size()), SQLITE_STATIC);
  }
  static void step(sqlite3_stmt* statement) {
    need(sqlite3_step(statement));
    sqlite3_reset(statement);
  }
  static std::int64_t number(sqlite3_stmt* statement) {
    need(sqlite3_step(statement));
    const auto found = sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return found;
  }
  sqlite3* database_ = nullptr;
  std::vector<sqlite3_stmt*> all_{};
  sqlite3_stmt *begin_, *commit_, *head_, *version_, *event_, *tag_;
};

must::sqlite_options options(const std::string& path, sqlite_durability durability) {
  return {.path = path, .durability = durability};
}

void append_by_hand(benchmark::State& state, sqlite_durability durability, std::size_t size, std::size_t total) {
  const scratch_file file;
  raw_store store(file.path, durability);
  bench::append_in_batches(state, size, total, [&](std::span<must::cloud_event> events) { store.append(events); });
}
void append_by_must(benchmark::State& state, sqlite_durability durability, std::size_t size, std::size_t total) {
  const scratch_file file;
  must::sqlite_store store(options(file.path, durability));
  bench::append_in_batches(state, size, total,
                           [&](std::span<must::cloud_event> events) { store.append(events, {}).value(); });
}

constexpr auto full = sqlite_durability::full;
constexpr auto normal = sqlite_durability::normal;
void full_1_hand(benchmark::State& state) { append_by_hand(state, full, 1, 2'000); }
void full_1_must(benchmark::State& state) { append_by_must(state, full, 1, 2'000); }
void normal_1_hand(benchmark::State& state) { append_by_hand(state, normal, 1, 10'000); }
void normal_1_must(benchmark::State& state) { append_by_must(state, normal, 1, 10'000); }
void full_100_hand(benchmark::State& state) { append_by_hand(state, full, 100, 20'000); }
void full_100_must(benchmark::State& state) { append_by_must(state, full, 100, 20'000); }
void full_1000_hand(benchmark::State& state) { append_by_hand(state, full, 1'000, 40'000); }
void full_1000_must(benchmark::State& state) { append_by_must(state, full, 1'000, 40'000); }

// Notes how long each append takes.
class timed_store {
 public:
  explicit timed_store(must::sqlite_store& store) : store_(&store) {}

  must::append_result append(std::span<must::cloud_event> events, const must::append_condition& condition) {
    const stopwatch watch;
    auto done = store_->append(events, condition);
    const auto took = watch.seconds();
    const std::lock_guard lock(mutex_);
    seconds_.push_back(took);
    return done;
  }
  // The median, and how many times as long all but the slowest hundredth took at the most.
  void count(benchmark::State& state) {
    std::sort(seconds_.begin(), seconds_.end());
    const auto median = seconds_[seconds_.size() / 2];
    state.counters["median_ms"] = median * 1'000;
    state.counters["p99/median"] = seconds_[seconds_.size() * 99 / 100] / median;
  }

 private:
  must::sqlite_store* store_;
  std::mutex mutex_{};
  std::vector<double> seconds_{};
};

// What 64 threads could share at the most: batches of as many.
void full_64_hand(benchmark::State& state) { append_by_hand(state, full, 64, 19'200); }
void full_64_threads(benchmark::State& state) {
  for (auto _ : state) {
    const scratch_file file;
    must::sqlite_store store(options(file.path, full));
    timed_store timed(store);
    bench::set_time(state, bench::append_by_threads(timed, 64, 300));
    timed.count(state);
  }
}

// A file of 200,000 events: streams of 200, tags of 4, all of them in the index, which is all that is read by hand.
const std::string& filled() {
  static const auto file = [] {
    auto made = std::make_unique<scratch_file>();
    auto indexed = options(made->path, normal);
    indexed.unindexed_events = 1;
    must::sqlite_store store(indexed);
    bench::fill(store, 200'000, 100'000);
    return made;
  }();
  return file->path;
}
#define ROWS \
  "e.position, e.stream, e.version, e.type, e.id, e.source, e.time, e.recorded_at, e.tags, e.content_type, e.data"
void read_by_hand(benchmark::State& state, const char* sql, std::string (*name)(std::size_t)) {
  raw_store store(filled(), normal);
  auto* const rows = store.prepare(sql);
  std::size_t i = 0, events = 0;
  const stopwatch watch;
  for (auto _ : state) events += store.read(rows, name(i++));
  state.counters["rows"] = static_cast<double>(events) / watch.seconds();
}
void read_by_must(benchmark::State& state, must::query (*which)(std::size_t)) {
  must::sqlite_store store(options(filled(), normal));
  bench::read_and_weigh(state, store, which(0));  // not timed: nobody weighs the loop by hand
  std::size_t i = 0, events = 0;
  const auto take = [&](const must::recorded<must::payload>& record) {
    benchmark::DoNotOptimize(&record);
    ++events;
  };
  const stopwatch watch;
  for (auto _ : state) static_cast<void>(store.read(which(i++), {}, take));
  state.counters["rows"] = static_cast<double>(events) / watch.seconds();
}
void all_hand(benchmark::State& state) {
  read_by_hand(state, "SELECT " ROWS " FROM must_event e ORDER BY e.position",
               [](std::size_t) { return std::string(); });
}
void all_must(benchmark::State& state) {
  read_by_must(state, [](std::size_t) { return must::query::all(); });
}
void stream_hand(benchmark::State& state) {
  read_by_hand(state, "SELECT " ROWS " FROM must_event e WHERE e.stream = ?1 ORDER BY e.version", &bench::stream_name);
}
void stream_must(benchmark::State& state) {
  read_by_must(state, [](std::size_t i) { return must::query::of_stream(bench::stream_name(i)); });
}
void tag_hand(benchmark::State& state) {
  read_by_hand(
      state,
      "SELECT " ROWS
      " FROM must_tag t CROSS JOIN must_event e ON e.position = t.position WHERE t.tag = ?1 ORDER BY t.position",
      &bench::tag_name);
}
void tag_must(benchmark::State& state) {
  read_by_must(state, [](std::size_t i) { return must::query::of_tags({bench::tag_name(i)}); });
}
#undef ROWS

void conditional(benchmark::State& state, std::size_t count, sqlite_durability durability) {
  const scratch_file file;
  must::sqlite_store store(options(file.path, durability));
  bench::fill(store, count, 100'000);
  for (auto _ : state) bench::set_time(state, bench::append_under_two_tags(store, 2'000));
}
void conditional_small(benchmark::State& state) { conditional(state, 10'000, normal); }
void conditional_large(benchmark::State& state) { conditional(state, 1'000'000, normal); }
void full_conditional_small(benchmark::State& state) { conditional(state, 10'000, full); }
void full_conditional_large(benchmark::State& state) { conditional(state, 1'000'000, full); }

BENCHMARK(full_1_hand)->UseManualTime()->Iterations(1)->Repetitions(5);
BENCHMARK(full_1_must)->UseManualTime()->Iterations(1)->Repetitions(5);
BENCHMARK(normal_1_hand)->UseManualTime()->Iterations(1)->Repetitions(5);
BENCHMARK(normal_1_must)->UseManualTime()->Iterations(1)->Repetitions(5);
BENCHMARK(full_100_hand)->UseManualTime()->Iterations(1)->Repetitions(5);
BENCHMARK(full_100_must)->UseManualTime()->Iterations(1)->Repetitions(5);
BENCHMARK(full_1000_hand)->UseManualTime()->Iterations(1)->Repetitions(5);
BENCHMARK(full_1000_must)->UseManualTime()->Iterations(1)->Repetitions(5);
BENCHMARK(full_64_hand)->UseManualTime()->Iterations(1)->Repetitions(5);
BENCHMARK(full_64_threads)->UseManualTime()->Iterations(1)->Repetitions(5);
BENCHMARK(all_hand)->Iterations(3)->Repetitions(5)->MeasureProcessCPUTime();
BENCHMARK(all_must)->Iterations(3)->Repetitions(5)->MeasureProcessCPUTime();
BENCHMARK(stream_hand)->Iterations(500)->Repetitions(5)->MeasureProcessCPUTime();
BENCHMARK(stream_must)->Iterations(500)->Repetitions(5)->MeasureProcessCPUTime();
BENCHMARK(tag_hand)->Iterations(5'000)->Repetitions(5)->MeasureProcessCPUTime();
BENCHMARK(tag_must)->Iterations(5'000)->Repetitions(5)->MeasureProcessCPUTime();
BENCHMARK(conditional_small)->UseManualTime()->Iterations(10)->Repetitions(3);
BENCHMARK(conditional_large)->UseManualTime()->Iterations(10)->Repetitions(3);
BENCHMARK(full_conditional_small)->UseManualTime()->Iterations(10)->Repetitions(3);
BENCHMARK(full_conditional_large)->UseManualTime()->Iterations(10)->Repetitions(3);

}  // namespace

int main(int argc, char** argv) {
  constexpr double to_90 = 1 / 0.9, to_85 = 1 / 0.85;
  return ratios::run(
      argc, argv,
      {{"single appends, durability full / by hand", "full_1_must", "full_1_hand", to_90},
       {"single appends, durability normal / by hand", "normal_1_must", "normal_1_hand", to_90},
       {"batches of 100 / by hand", "full_100_must", "full_100_hand", to_85},
       {"batches of 1,000 / by hand", "full_1000_must", "full_1000_hand", to_85},
       {"64 threads / one thread", "full_64_threads", "full_1_must", 0.125},
       {"... the same ratio, of batches of 64 by hand", "full_64_hand", "full_1_hand", 0.1},
       {"reading all / by hand", "all_must", "all_hand", to_85},
       {"reading a stream / by hand", "stream_must", "stream_hand", to_85},
       {"reading a tag / by hand", "tag_must", "tag_hand", to_85},
       {"conditional append at 1,000,000 / at 10,000 events", "conditional_large", "conditional_small", 1.5},
       {"the same, durability full", "full_conditional_large", "full_conditional_small", 1.5}});
}

// SPDX-License-Identifier: MIT
// Subscriptions: catching up against a bare read, waking up against a bare condition variable, lanes, a relay.
#include "must/subscription.hpp"

#include "must/append.hpp"
#include "must/delivery/relay.hpp"
#include "must/storage/memory.hpp"
#include "must/storage/sqlite.hpp"

#include "benchmarks/follow_events.hpp"
#include "benchmarks/ratios.hpp"
#include "benchmarks/store_events.hpp"

#include <unistd.h>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

struct Counted {
  std::string stream;
  int amount;
};
using store_type = must::memory_store<Counted>;
using record = must::recorded<store_type::data_type>;

store_type& filled() {
  static store_type store;
  if (store.head() == 0)
    for (int i = 0; i < 1'000'000; ++i) must::append(store, Counted{"s" + std::to_string(i % 1'000), i});
  return store;
}
std::size_t amount_of(const record& event) { return static_cast<std::size_t>(event.data.get<Counted>().amount); }

void memory_loop(benchmark::State& state) { bench::read_all(state, filled(), amount_of); }
void memory_catch_up(benchmark::State& state) { bench::catch_up(state, filled(), amount_of); }

// Delivers into a sum.
struct summing {
  void deliver(std::span<const record* const> batch, std::span<must::delivery_answer>) {
    for (const auto* event : batch) sum += amount_of(*event);
  }
  std::size_t sum = 0;
};
void memory_relay(benchmark::State& state) {
  auto& store = filled();
  for (auto _ : state) {
    summing delivery;
    must::relay(store, bench::next_name(), must::query::all(), delivery,
                {.following = {.save_every = 1'000'000, .save_interval = must::duration(60'000'000)}})
        .run_once();
    benchmark::DoNotOptimize(delivery.sum);
  }
}

struct sqlite_file {
  sqlite_file() {
    must::sqlite_store store({.path = path, .durability = must::sqlite_durability::normal});
    bench::fill(store, 200'000, 100'000);
  }
  sqlite_file(const sqlite_file&) = delete;
  sqlite_file& operator=(const sqlite_file&) = delete;
  ~sqlite_file() {
    for (const auto* end : {"", "-wal", "-shm"}) std::filesystem::remove(path + end);
  }
  std::string path = (std::filesystem::temp_directory_path() / ("must-bench-" + std::to_string(::getpid()))).string();
};
must::sqlite_store& sqlite_filled() {
  static const sqlite_file file;
  static must::sqlite_store store({.path = file.path, .durability = must::sqlite_durability::normal});
  return store;
}
void sqlite_read(benchmark::State& state) { bench::read_all(state, sqlite_filled()); }
void sqlite_catch_up(benchmark::State& state) { bench::catch_up(state, sqlite_filled()); }

void bare_wake_up(benchmark::State& state) {
  std::mutex mutex;
  std::condition_variable_any changed;
  int written = 0;
  std::atomic<int> seen{0};
  std::jthread other([&](const std::stop_token& stop) {
    for (int next = 1;; ++next) {
      std::unique_lock lock(mutex);
      if (!changed.wait(lock, stop, [&] { return written >= next; })) return;
      seen = next;
    }
  });
  int sent = 0;
  bench::median_of(state, 2'000, [&] {
    {
      const std::lock_guard lock(mutex);
      written = ++sent;
    }
    changed.notify_all();
    while (seen.load() < sent) {}
  });
}
void append_to_handler(benchmark::State& state) {
  store_type store;
  std::atomic<std::size_t> seen{0};
  must::subscription follows(
      store, "live", must::query::all(), [&](const record& event) { seen = amount_of(event); }, bench::in_peace);
  std::jthread other([&](const std::stop_token& stop) { follows.run(stop); });
  int sent = 0;
  bench::median_of(state, 2'000, [&] {
    must::append(store, Counted{"s", ++sent});
    while (seen.load() < static_cast<std::size_t>(sent)) {}
  });
}

void slow_handler(benchmark::State& state, unsigned lanes) {
  store_type store;
  for (int i = 0; i < 400; ++i) must::append(store, Counted{"s" + std::to_string(i), i});
  auto how = bench::in_peace;
  how.lanes = lanes;
  for (auto _ : state) {
    must::subscription follows(
        store, bench::next_name(), must::query::all(),
        [](const record&) { std::this_thread::sleep_for(std::chrono::milliseconds(1)); }, how);
    follows.run_once();
  }
}
void one_lane(benchmark::State& state) { slow_handler(state, 1); }
void four_lanes(benchmark::State& state) { slow_handler(state, 4); }

BENCHMARK(memory_loop)->Iterations(3)->Repetitions(7)->MeasureProcessCPUTime();
BENCHMARK(memory_catch_up)->Iterations(3)->Repetitions(7)->MeasureProcessCPUTime();
BENCHMARK(memory_relay)->Iterations(3)->Repetitions(7)->MeasureProcessCPUTime();
BENCHMARK(sqlite_read)->Iterations(1)->Repetitions(7)->MeasureProcessCPUTime();
BENCHMARK(sqlite_catch_up)->Iterations(1)->Repetitions(7)->MeasureProcessCPUTime();
BENCHMARK(bare_wake_up)->UseManualTime()->Iterations(1)->Repetitions(5);
BENCHMARK(append_to_handler)->UseManualTime()->Iterations(1)->Repetitions(5);
BENCHMARK(one_lane)->Iterations(1)->Repetitions(3)->MeasureProcessCPUTime();
BENCHMARK(four_lanes)->Iterations(1)->Repetitions(3)->MeasureProcessCPUTime();

}  // namespace

int main(int argc, char** argv) {
  return ratios::run(argc, argv,
                     {{"catching up in memory / a loop over the same events", "memory_catch_up", "memory_loop", 2},
                      {"a relay in memory / a loop over the same events", "memory_relay", "memory_loop", 2},
                      {"catching up on SQLite / the bare read", "sqlite_catch_up", "sqlite_read", 1 / 0.9},
                      {"append to handler / a bare condition variable", "append_to_handler", "bare_wake_up", 2},
                      {"4 lanes / one, with a handler that waits 1 ms", "four_lanes", "one_lane", 1 / 3.5}});
}

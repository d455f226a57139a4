// SPDX-License-Identifier: MIT
// Events of about 300 bytes with two tags, and the ways in which the stores are loaded with them.
#pragma once

#include "must/storage.hpp"

#include "benchmarks/spent.hpp"

#include <benchmark/benchmark.h>
#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace bench {

// The median of `pings` round trips; `ping` ends when the other side has noticed.
template <typename Ping>
void median_of(benchmark::State& state, std::size_t pings, Ping&& ping) {
  for (auto _ : state) {
    std::vector<double> all;
    double cpu = 0;
    for (std::size_t i = 0; i < pings; ++i) {
      const stopwatch watch;
      ping();
      const auto one = watch.time();
      all.push_back(one.wall);
      cpu += one.cpu;
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
    const auto middle = all.begin() + static_cast<std::ptrdiff_t>(pings / 2);
    std::nth_element(all.begin(), middle, all.end());
    set_time(state, {*middle, cpu / static_cast<double>(pings)});
  }
}

// What the process has in memory, in MiB.
inline double resident() {
  std::ifstream from("/proc/self/statm");
  double all = 0, pages = 0;
  from >> all >> pages;
  return pages * 4'096 / (1U << 20U);
}

// Reads what matches; its rows are counted, and by how much the process grew meanwhile, beyond what is in use before.
template <typename Store>
std::size_t read_and_weigh(benchmark::State& state, Store& store, const must::query& which) {
  ::malloc_trim(0);  // what was freed and is used again counts too
  const auto before = resident();
  double most = before;
  std::size_t rows = 0;
  static_cast<void>(store.read(which, {}, [&](const must::recorded<must::payload>& record) {
    benchmark::DoNotOptimize(&record);
    if (++rows % 8'192 == 0) most = std::max(most, resident());
  }));
  state.counters["MiB"] = std::max(state.counters["MiB"].value, most - before);
  return rows;
}

// Numbers that look random and are the same in every run.
inline std::size_t scatter(std::size_t i, std::size_t sides) { return (i * 0x9E3779B97F4A7C15U >> 20U) % sides; }

inline std::string stream_name(std::size_t i) { return "student-" + std::to_string(i % 1'000); }
inline std::string tag_name(std::size_t i) { return "course:" + std::to_string(scatter(i, 100'000)); }

inline must::cloud_event make_event(std::size_t i, std::size_t tags = 100'000) {
  static const std::string body(200, 'x');
  const auto now = must::system_clock::instance().now();
  must::cloud_event event;
  event.id = must::uuid7_ids::instance().next(now);
  event.source = "/must";
  event.type = "Subscribed";
  event.subject = stream_name(i);
  event.time = now;
  event.tags = {"course:" + std::to_string(scatter(2 * i, tags)), "course:" + std::to_string(scatter(2 * i + 1, tags))};
  event.data = must::payload("text/plain", body);
  return event;
}
inline std::vector<must::cloud_event> make_events(std::size_t first, std::size_t count, std::size_t tags = 100'000) {
  std::vector<must::cloud_event> made;
  made.reserve(count);
  for (std::size_t i = 0; i < count; ++i) made.push_back(make_event(first + i, tags));
  return made;
}

// The columns of a row, as a struct of one's own would have them.
struct plain_record {
  std::uint64_t position = 0, version = 0;
  std::int64_t time = 0, recorded_at = 0;
  std::string stream, type, id, source, content_type, data;
  std::vector<std::string> tags;

  // Each after its size in one byte.
  void take_tags(std::string_view packed) {
    tags.clear();
    while (!packed.empty()) {
      const auto size = static_cast<unsigned char>(packed.front());
      tags.emplace_back(packed.substr(1, size));
      packed.remove_prefix(std::min<std::size_t>(packed.size(), size + std::size_t{1}));
    }
  }
};

// A file that is removed, with those of its path and an ending more.
class scratch_file {
 public:
  scratch_file(const std::string& ending, std::vector<std::string> beside)
      : path("bench_" + std::to_string(++count) + ending), beside_(std::move(beside)) {
    remove();
  }
  scratch_file(const scratch_file&) = delete;
  scratch_file& operator=(const scratch_file&) = delete;
  ~scratch_file() { remove(); }
  const std::string path;

 private:
  void remove() const {
    std::filesystem::remove(path);
    for (const auto& end : beside_) std::filesystem::remove(path + end);
  }
  static inline int count = 0;
  std::vector<std::string> beside_;
};

// Times `total` events in appends of `size`: seconds for one event.
template <typename Append>
void append_in_batches(benchmark::State& state, std::size_t size, std::size_t total, Append&& append) {
  for (auto _ : state) {
    auto events = make_events(0, total);
    const stopwatch watch;
    for (std::size_t i = 0; i < total; i += size) append(std::span(events).subspan(i, size));
    const auto one = watch.time() / static_cast<double>(total);
    set_time(state, one);
    state.counters["events/s"] = 1 / one.wall;
  }
}

// Threads that append `each` single events, which together are those that one thread would append, in much the same
// order. Ids are made when they are appended, as by a command. What one has spent.
template <typename Store>
spent append_by_threads(Store& store, std::size_t threads, std::size_t each) {
  std::vector<std::vector<must::cloud_event>> events(threads);
  for (std::size_t i = 0; i < threads * each; ++i) events[i % threads].push_back(make_event(i));
  const stopwatch watch;
  std::vector<std::thread> running;
  for (auto& mine : events)
    running.emplace_back([&store, &mine] {
      for (auto& event : mine) {
        event.id = must::uuid7_ids::instance().next(must::system_clock::instance().now());
        store.append(std::span(&event, 1), {}).value();
      }
    });
  for (auto& thread : running) thread.join();
  return watch.time() / static_cast<double>(threads * each);
}

template <typename Store>
void fill(Store& store, std::size_t count, std::size_t tags) {
  constexpr std::size_t most = 10'000;
  for (std::size_t i = 0; i < count; i += most) {
    auto events = make_events(i, std::min(most, count - i), tags);
    store.append(events, {}).value();
  }
}

// Appends under the condition that nothing with both tags has come since the head: what one has spent.
template <typename Store>
spent append_under_two_tags(Store& store, std::size_t count) {
  auto events = make_events(store.head(), count);
  auto head = store.head();
  const stopwatch watch;
  for (auto& event : events) {
    const must::append_condition condition{.query = must::query::of_tags({event.tags.begin(), event.tags.end()}),
                                           .after = head};
    head = store.append(std::span(&event, 1), condition).value().last;
  }
  return watch.time() / static_cast<double>(count);
}

}  // namespace bench

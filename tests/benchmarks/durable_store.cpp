// SPDX-License-Identifier: MIT
// durable_store in a directory against the same objects, written and read by hand, on the same disk.
#include "must/storage/durable.hpp"

#include "must/storage/group_commit.hpp"
#include "must/storage/objects/directory.hpp"

#include "benchmarks/ratios.hpp"
#include "benchmarks/store_events.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace {

using bench::stopwatch;
using store_type = must::durable_store<must::directory_objects>;
namespace durable = must::detail::durable;

// A directory that is removed with what is in it.
class scratch {
 public:
  scratch() {
    std::filesystem::remove_all(path);
    std::filesystem::create_directory(path);
  }
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;
  ~scratch() { std::filesystem::remove_all(path); }
  [[nodiscard]] must::directory_objects objects() const { return must::directory_objects({.path = path + "/objects"}); }
  const std::string path = "bench_durable_" + std::to_string(++count);

 private:
  static inline int count = 0;
};

void need(bool holds) {
  if (!holds) std::abort();
}

// By hand: written aside, synced, linked to its name, and the folder synced.
void put_by_hand(const std::string& folder, const std::string& name, std::string_view bytes) {
  const auto path = folder + "/" + name, aside = folder + ".aside";
  const int file = ::open(aside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  need(file >= 0 && ::write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  need(::fdatasync(file) == 0 && ::close(file) == 0 && ::link(aside.c_str(), path.c_str()) == 0);
  const int parent = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  need(parent >= 0 && ::fsync(parent) == 0 && ::close(parent) == 0 && ::unlink(aside.c_str()) == 0);
}
std::string get_by_hand(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct ::stat found{};
  need(file >= 0 && ::fstat(file, &found) == 0);
  std::string bytes(static_cast<std::size_t>(found.st_size), '\0');
  need(::read(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()) && ::close(file) == 0);
  return bytes;
}
must::commit commit_of(std::size_t i, must::position first) {
  must::commit made{.first = first, .id = must::uuid7_ids::instance().next({}), .writer = "hand", .appends = {1}};
  made.events.push_back({bench::make_event(i), first, must::version(1), {}});
  return made;
}

constexpr std::size_t appends = 400;

void append_hand(benchmark::State& state) {
  const scratch place;
  const auto folder = place.path + "/log";
  std::filesystem::create_directory(folder);
  for (auto _ : state) {
    std::vector<std::string> objects;
    for (std::size_t i = 0; i < appends; ++i) objects.push_back(durable::log_object(commit_of(i, i + 1)));
    const stopwatch watch;
    for (std::size_t i = 0; i < appends; ++i) put_by_hand(folder, std::to_string(i), objects[i]);
    bench::set_time(state, watch.time() / static_cast<double>(appends));
  }
}
void append_must(benchmark::State& state) {
  const scratch place;
  store_type store(place.objects());
  bench::append_in_batches(state, 1, appends,
                           [&](std::span<must::cloud_event> some) { store.append(some, {}).value(); });
}
void append_64_threads(benchmark::State& state) {
  const scratch place;
  store_type store(place.objects());
  must::group_commit shared(store);
  for (auto _ : state) bench::set_time(state, bench::append_by_threads(shared, 64, 100));
}

// Events in segments, which are made once.
class compacted {
 public:
  static compacted& instance() {
    static compacted all;
    return all;
  }
  static must::durable_options options() {
    must::durable_options made;
    made.log.cache_bytes = 0;
    made.segment_cache_bytes = std::size_t{8} << 20U;
    made.grace = must::duration(0);
    return made;
  }
  static constexpr std::size_t events = 200'000;
  scratch place{};
  store_type store;

 private:
  compacted() : store(must::directory_objects({place.path + "/objects", must::directory_durability::none}), options()) {
    for (std::size_t i = 0; i < events; i += 100) {
      auto some = bench::make_events(i, 100);
      need(static_cast<bool>(store.append(some, {})));
    }
    need(store.compact().segments > 0);
  }
};

// What a loop by hand reads: each segment at once, and each commit of it.
template <typename Use>
void read_segments(benchmark::State& state, Use&& use) {
  auto& from = compacted::instance();
  for (auto _ : state)
    for (const auto& one : std::filesystem::directory_iterator(from.place.path + "/objects/seg"))
      use(get_by_hand(one.path().string()));
}
void read_bytes_hand(benchmark::State& state) {
  read_segments(state, [](const std::string& bytes) { benchmark::DoNotOptimize(bytes.data()); });
}
void read_hand(benchmark::State& state) {
  std::size_t rows = 0;
  read_segments(state, [&](const std::string& bytes) {
    must::detail::avro::decoder all(bytes);
    const auto header = durable::take_own_header(all);
    while (all.left() > 0) {
      const auto block = must::detail::avro::take_block(all, header.sync);
      auto made = must::detail::log::decode_commit(block.bytes, block.count);
      must::detail::log::check_commit(made);
      for (const auto& event : made.events) {
        benchmark::DoNotOptimize(&event);
        ++rows;
      }
    }
  });
  need(rows + 100 * static_cast<std::size_t>(state.iterations()) ==
       compacted::events * static_cast<std::size_t>(state.iterations()));
}
void read_must(benchmark::State& state) {
  auto& from = compacted::instance();
  for (auto _ : state) need(bench::read_and_weigh(state, from.store, must::query::all()) == compacted::events);
}
void open_must(benchmark::State& state) {
  auto& from = compacted::instance();
  for (auto _ : state) {
    store_type store(from.place.objects(), compacted::options());
    need(store.head() == compacted::events);
  }
}

}  // namespace

BENCHMARK(append_hand)->UseManualTime()->Iterations(1)->Repetitions(5);
BENCHMARK(append_must)->UseManualTime()->Iterations(1)->Repetitions(5);
BENCHMARK(append_64_threads)->UseManualTime()->Iterations(1)->Repetitions(5);
BENCHMARK(read_bytes_hand)->Iterations(2)->Repetitions(5)->MeasureProcessCPUTime();
BENCHMARK(read_hand)->Iterations(2)->Repetitions(5)->MeasureProcessCPUTime();
BENCHMARK(read_must)->Iterations(2)->Repetitions(5)->MeasureProcessCPUTime();
BENCHMARK(open_must)->Iterations(1)->Repetitions(3)->MeasureProcessCPUTime();

int main(int argc, char** argv) {
  const auto name = [](const char* benchmark) { return std::string(benchmark); };
  return ratios::run(
      argc, argv,
      {
          {"an append alone / the same object by hand", name("append_must"), name("append_hand"), 1 / 0.9},
          {"an append of 64 threads through group_commit / alone", name("append_64_threads"), name("append_must"),
           1 / 25.0},
          {"all events of the segments / a loop by hand that reads the same", name("read_must"), name("read_hand"),
           1 / 0.7},
      });
}

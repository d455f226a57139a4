// SPDX-License-Identifier: MIT
// avro_store against a loop by hand that writes blocks of the same bytes to a file, with the same durability, and
// against a parser by hand of the same file.
#include "must/storage/avro.hpp"

#include "must/storage/group_commit.hpp"

#include "benchmarks/ratios.hpp"
#include "benchmarks/store_events.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using bench::stopwatch;
using must::avro_durability;

struct scratch_file : bench::scratch_file {
  scratch_file() : bench::scratch_file(".avro", {".cells"}) {}
};

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// By hand: the blocks are there, and are written one after another.
void write_by_hand(benchmark::State& state, std::size_t batch, std::size_t total) {
  for (auto _ : state) {
    const scratch_file like, file;
    std::size_t header = 0;
    {
      must::avro_store store({.path = like.path, .durability = avro_durability::none});
      header = std::filesystem::file_size(like.path);
      auto events = bench::make_events(0, total);
      for (std::size_t i = 0; i < total; i += batch) store.append(std::span(events).subspan(i, batch), {}).value();
    }
    const auto bytes = read_file(like.path);
    const int out = ::open(file.path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
    if (::write(out, bytes.data(), header) < 0 || ::fdatasync(out) != 0) std::abort();
    const auto each = (bytes.size() - header) * batch / total;  // All blocks have about the same size.
    const stopwatch watch;
    for (std::size_t i = 0; i < total / batch; ++i)
      if (::write(out, bytes.data() + header + i * each, each) < 0 || ::fdatasync(out) != 0) std::abort();
    bench::set_time(state, watch.time() / static_cast<double>(total));
    ::close(out);
  }
}
void write_by_must(benchmark::State& state, std::size_t batch, std::size_t total, avro_durability durability) {
  const scratch_file file;
  must::avro_store store({.path = file.path, .durability = durability});
  bench::append_in_batches(state, batch, total,
                           [&](std::span<must::cloud_event> some) { store.append(some, {}).value(); });
}
void full_1_hand(benchmark::State& state) { write_by_hand(state, 1, 1'000); }
void full_1_must(benchmark::State& state) { write_by_must(state, 1, 1'000, avro_durability::full); }
void full_64_hand(benchmark::State& state) { write_by_hand(state, 64, 6'400); }
void full_1000_hand(benchmark::State& state) { write_by_hand(state, 1'000, 50'000); }
void full_1000_must(benchmark::State& state) { write_by_must(state, 1'000, 50'000, avro_durability::full); }
void none_1_must(benchmark::State& state) { write_by_must(state, 1, 20'000, avro_durability::none); }
void none_1000_must(benchmark::State& state) { write_by_must(state, 1'000, 100'000, avro_durability::none); }
void full_64_threads(benchmark::State& state) {
  const scratch_file file;
  must::avro_store below({.path = file.path, .durability = avro_durability::full});
  must::group_commit store(below);
  for (auto _ : state) bench::set_time(state, bench::append_by_threads(store, 64, 100));
}

// Commits of ten events, and tags of ten events each.
std::unique_ptr<scratch_file> make_filled(std::size_t events) {
  auto made = std::make_unique<scratch_file>();
  must::avro_store store({.path = made->path, .durability = avro_durability::none});
  for (std::size_t i = 0; i < events; i += 10) {
    auto some = bench::make_events(i, 10, events / 5);
    store.append(some, {}).value();
  }
  return made;
}
constexpr std::size_t few = 10'000, many = 1'000'000;
template <std::size_t Events>
const std::string& filled() {
  static const auto made = make_filled(Events);
  return made->path;
}
// The cache has room for few of the events of either store.
template <std::size_t Events>
must::avro_store& opened() {
  static must::avro_store store(
      {.path = filled<Events>(), .durability = avro_durability::none, .cache_bytes = 1 << 20});
  return store;
}

// By hand: one read of the whole file after another, no checks.
class parser {
 public:
  explicit parser(std::string_view bytes) : at_(bytes.data()) {}
  std::uint64_t number() {
    std::uint64_t zigzag = 0;
    for (unsigned shift = 0;; shift += 7) {
      const auto byte = static_cast<unsigned char>(*at_++);
      zigzag |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) break;
    }
    return (zigzag >> 1U) ^ (0 - (zigzag & 1U));
  }
  std::string_view text() {
    const auto size = number();
    at_ += size;
    return {at_ - size, size};
  }
  std::string_view optional() { return number() == 0 ? std::string_view() : text(); }
  template <typename Use>
  void items(Use&& use) {
    for (auto count = number(); count != 0; count = number())
      while (count-- > 0) use();
  }
  void skip(std::size_t bytes) { at_ += bytes; }
  [[nodiscard]] const char* at() const { return at_; }

 private:
  const char* at_;
};
void all_hand(benchmark::State& state) {
  const auto& path = filled<many>();
  for (auto _ : state) {
    const int in = ::open(path.c_str(), O_RDONLY);
    std::string bytes(std::filesystem::file_size(path), '\0');
    for (std::size_t done = 0; done < bytes.size();) {
      const auto got = ::read(in, bytes.data() + done, bytes.size() - done);
      if (got <= 0) std::abort();
      done += static_cast<std::size_t>(got);
    }
    ::close(in);
    must::detail::avro::decoder head(bytes);
    static_cast<void>(must::detail::avro::take_header(head));
    parser from(std::string_view(bytes).substr(head.offset()));
    bench::plain_record record;
    std::size_t rows = 0;
    while (from.at() != bytes.data() + bytes.size()) {
      auto count = from.number();
      from.number();
      for (; count > 0; --count) {
        record.id = from.text();
        record.source = from.text();
        record.type = from.text();
        record.content_type = from.optional();
        from.optional();  // dataschema
        record.stream = from.optional();
        if (from.number() != 0) record.time = static_cast<std::int64_t>(from.number());
        record.data = from.optional();
        record.position = from.number();
        record.version = from.number();
        record.recorded_at = static_cast<std::int64_t>(from.number());
        record.tags.clear();
        from.items([&] { record.tags.emplace_back(from.text()); });
        from.items([] { std::abort(); });  // No event has an extension.
        from.optional();
        from.text();
        from.optional();
        from.optional();
        from.optional();
        from.optional();
        from.optional();
        from.items([&] { from.number(); });
        if (from.number() != 0) from.number();
        from.number();
        benchmark::DoNotOptimize(&record);
        ++rows;
      }
      from.skip(16);
    }
    if (rows < many) std::abort();  // Conditional appends may have come before.
  }
}
void all_must(benchmark::State& state) {
  auto& store = opened<many>();
  for (auto _ : state)
    if (bench::read_and_weigh(state, store, must::query::all()) < many) std::abort();
}
template <std::size_t Events>
void read_some(benchmark::State& state, must::query (*which)(std::size_t), const must::read_options& how) {
  auto& store = opened<Events>();
  std::size_t i = 0;
  for (auto _ : state) {
    std::size_t rows = 0;
    static_cast<void>(store.read(which(++i), how, [&](const auto&) { ++rows; }));
    benchmark::DoNotOptimize(rows);
  }
}
template <std::size_t Events>
void tag(benchmark::State& state) {
  const auto which = [](std::size_t i) {
    return must::query::of_tags({"course:" + std::to_string(bench::scatter(7 * i, Events / 5))});
  };
  read_some<Events>(state, which, {});
}
template <std::size_t Events>
void stream(benchmark::State& state) {
  const auto which = [](std::size_t i) { return must::query::of_stream(bench::stream_name(bench::scatter(i, 1'000))); };
  read_some<Events>(state, which, {.limit = 10});
}
template <std::size_t Events>
void conditional(benchmark::State& state) {
  auto& store = opened<Events>();
  for (auto _ : state) bench::set_time(state, bench::append_under_two_tags(store, 500));
}
void tag_small(benchmark::State& state) { tag<few>(state); }
void tag_large(benchmark::State& state) { tag<many>(state); }
void stream_small(benchmark::State& state) { stream<few>(state); }
void stream_large(benchmark::State& state) { stream<many>(state); }
void conditional_small(benchmark::State& state) { conditional<few>(state); }
void conditional_large(benchmark::State& state) { conditional<many>(state); }
void open_million(benchmark::State& state) {
  const auto& path = filled<many>();
  for (auto _ : state) {
    const auto before = bench::resident();
    const stopwatch watch;
    must::avro_store store({.path = path, .mode = must::avro_mode::read_only, .cache_bytes = 0});
    bench::set_time(state, watch.time());
    state.counters["bytes/event"] = (bench::resident() - before) * (1U << 20U) / static_cast<double>(many);
  }
}

BENCHMARK(full_1_hand)->UseManualTime()->Iterations(1)->Repetitions(5);
BENCHMARK(full_1_must)->UseManualTime()->Iterations(1)->Repetitions(5);
BENCHMARK(full_64_hand)->UseManualTime()->Iterations(1)->Repetitions(5);
BENCHMARK(full_64_threads)->UseManualTime()->Iterations(1)->Repetitions(5);
BENCHMARK(full_1000_hand)->UseManualTime()->Iterations(1)->Repetitions(5);
BENCHMARK(full_1000_must)->UseManualTime()->Iterations(1)->Repetitions(5);
BENCHMARK(none_1_must)->UseManualTime()->Iterations(1)->Repetitions(3);
BENCHMARK(none_1000_must)->UseManualTime()->Iterations(1)->Repetitions(5);
BENCHMARK(open_million)->UseManualTime()->Iterations(1)->Repetitions(3)->Unit(benchmark::kMillisecond);
BENCHMARK(all_hand)->Iterations(1)->Repetitions(3)->MeasureProcessCPUTime()->Unit(benchmark::kMillisecond);
BENCHMARK(all_must)->Iterations(1)->Repetitions(3)->MeasureProcessCPUTime()->Unit(benchmark::kMillisecond);
BENCHMARK(tag_small)->Iterations(2'000)->Repetitions(3)->MeasureProcessCPUTime();
BENCHMARK(tag_large)->Iterations(2'000)->Repetitions(3)->MeasureProcessCPUTime();
BENCHMARK(stream_small)->Iterations(2'000)->Repetitions(3)->MeasureProcessCPUTime();
BENCHMARK(stream_large)->Iterations(2'000)->Repetitions(3)->MeasureProcessCPUTime();
BENCHMARK(conditional_small)->UseManualTime()->Iterations(5)->Repetitions(3);
BENCHMARK(conditional_large)->UseManualTime()->Iterations(5)->Repetitions(3);

}  // namespace

int main(int argc, char** argv) {
  return ratios::run(argc, argv,
                     {{"durability full, single appends", "full_1_must", "full_1_hand", 1 / 0.9},
                      {"... of 64 threads by group_commit, against batches of 64 by hand", "full_64_threads",
                       "full_64_hand", 1 / 0.85},
                      {"... batches of 1,000", "full_1000_must", "full_1000_hand", 1 / 0.8},
                      {"reading all, against a parser by hand", "all_must", "all_hand", 1 / 0.5},
                      {"a tag of 10 events, among 1,000,000 against 10,000", "tag_large", "tag_small", 1.5},
                      {"10 events of a stream, likewise", "stream_large", "stream_small", 1.5},
                      {"conditional appends, likewise", "conditional_large", "conditional_small", 1.3}});
}

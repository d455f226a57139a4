// SPDX-License-Identifier: MIT
// A command on a store that is traced by an observer of nothing, against one on the store itself.
#include "must/storage/traced.hpp"

#include "must/must.hpp"
#include "must/storage/memory.hpp"

#include "benchmarks/ratios.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace {

struct Added {
  std::string stream;
  int amount;
};
struct Add {
  std::string to;
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  Added be_translated_to_events() const { return {to, 1}; }
};
// Is told of everything, and does nothing.
struct listener {
  void started(const must::operation& what) noexcept { benchmark::DoNotOptimize(&what); }
  void stopped(const must::operation& what, std::int64_t, const must::error*) noexcept {
    benchmark::DoNotOptimize(&what);
  }
};

template <typename Use>
void commands(benchmark::State& state, Use&& use) {
  must::memory_store<Added> store;
  std::vector<Add> all;
  for (int i = 0; i < 1'000; ++i) all.push_back({std::to_string(i)});
  std::size_t i = 0;
  use(store, [&](auto& to) {
    for (auto _ : state) must::process_command(all[i++ % all.size()], to);
  });
}
void plain(benchmark::State& state) {
  commands(state, [](auto& store, auto&& run) { run(store); });
}
void traced_by_nothing(benchmark::State& state) {
  commands(state, [](auto& store, auto&& run) {
    must::null_observer nothing;
    must::traced traced(store, nothing);
    run(traced);
  });
}
void traced_by_listener(benchmark::State& state) {
  commands(state, [](auto& store, auto&& run) {
    listener all;
    must::traced traced(store, all);
    run(traced);
  });
}
BENCHMARK(plain)->Iterations(200'000)->Repetitions(11)->MeasureProcessCPUTime();
BENCHMARK(traced_by_nothing)->Iterations(200'000)->Repetitions(11)->MeasureProcessCPUTime();
BENCHMARK(traced_by_listener)->Iterations(200'000)->Repetitions(11)->MeasureProcessCPUTime();

}  // namespace

int main(int argc, char** argv) {
  std::string interleaved = "--benchmark_enable_random_interleaving=true";  // 2 in 100 is less than a machine drifts
  std::vector<char*> arguments(argv, argv + argc);
  arguments.push_back(interleaved.data());
  return ratios::run(argc + 1, arguments.data(),
                     {{"traced by null_observer / not traced", "traced_by_nothing", "plain", 1.02},
                      {"traced by an observer that is told / not traced", "traced_by_listener", "plain", 1.5}});
}

// SPDX-License-Identifier: MIT
// Stages: what an event costs with a demand of 1,000 and of 1, against a loop over the same function.
#include "must/delivery/stage.hpp"

#include "benchmarks/ratios.hpp"

#include <cstdint>
#include <optional>

namespace {

constexpr std::int64_t count = 1'000'000;

auto numbers() {
  return [next = std::int64_t{0}]() mutable -> std::optional<std::int64_t> {
    if (next == count) return std::nullopt;
    return next++;
  };
}
void loop_by_hand(benchmark::State& state) {
  std::int64_t sum = 0;
  for (auto _ : state) {
    auto next = numbers();
    while (const auto one = next()) benchmark::DoNotOptimize(sum += *one);
  }
  state.SetItemsProcessed(state.iterations() * count);
}
void with_demand(benchmark::State& state, std::int64_t most) {
  std::int64_t sum = 0;
  for (auto _ : state) {
    auto consumer = must::make_consumer<std::int64_t>([&](std::int64_t one) { benchmark::DoNotOptimize(sum += one); });
    consumer.subscribe_to(must::broadcast_producer(must::function_source(numbers(), must::repeatable)),
                          {.max_demand = most});
    consumer.run();
  }
  state.SetItemsProcessed(state.iterations() * count);
}
void demand_1000(benchmark::State& state) { with_demand(state, 1'000); }
void demand_1(benchmark::State& state) { with_demand(state, 1); }
// An event costs 1/60,000,000 s with a demand of 1,000, and 1/5,000,000 s with one of 1, in nanoseconds a million.
void limit_of_1000(benchmark::State& state) {
  for (auto _ : state) bench::set_time(state, bench::spent{1, 1} / (60e6 / static_cast<double>(count)));
}
void limit_of_1(benchmark::State& state) {
  for (auto _ : state) bench::set_time(state, bench::spent{1, 1} / (5e6 / static_cast<double>(count)));
}
BENCHMARK(loop_by_hand)->Repetitions(7)->MeasureProcessCPUTime();
BENCHMARK(demand_1000)->Repetitions(7)->MeasureProcessCPUTime();
BENCHMARK(demand_1)->Repetitions(7)->MeasureProcessCPUTime();
BENCHMARK(limit_of_1000)->Iterations(1)->UseManualTime();
BENCHMARK(limit_of_1)->Iterations(1)->UseManualTime();

}  // namespace

int main(int argc, char** argv) {
  return ratios::run(argc, argv,
                     {{"demand 1,000 / 60,000,000 events a second", "demand_1000", "limit_of_1000", 1},
                      {"demand 1 / 5,000,000 events a second", "demand_1", "limit_of_1", 1}});
}

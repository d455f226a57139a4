// SPDX-License-Identifier: MIT
// A command on a stream of 10,000 events whose state is cached, against one on a stream of 10.
#include "must/storage/cached.hpp"

#include "must/must.hpp"
#include "must/storage/memory.hpp"

#include "benchmarks/ratios.hpp"

#include <string>

namespace {

struct Added {
  std::string stream;
  int amount;
};
struct Sum {
  using events = must::events<Added>;
  int amount = 0;
  void apply(const Added& event) { amount += event.amount; }
};
struct Add {
  std::string to;
  auto depends_on() const { return must::stream<Sum>(to); }
  static constexpr auto be_authorized = must::anyone;
  void be_valid(const Sum& sum) const { must::ensure(sum.amount >= 0, "never"); }
  Added be_translated_to_events() const { return {to, 1}; }
};

// Commands on streams of one length, one after another.
template <typename Use>
void commands_on(benchmark::State& state, int length, int streams, Use&& use) {
  must::memory_store<Added> store;
  for (int i = 0; i < streams; ++i)
    for (int n = 0; n < length; ++n) must::append(store, Added{"s" + std::to_string(i), 1});
  must::cached own(store);
  for (int i = 0; i < streams; ++i) static_cast<void>(must::load(own, must::stream<Sum>("s" + std::to_string(i))));
  int i = 0;
  for (auto _ : state) use(store, own, Add{"s" + std::to_string(i++ % streams)});
}
void cached_long(benchmark::State& state) {
  commands_on(state, 10'000, 100, [](auto&, auto& own, const Add& command) { must::process_command(command, own); });
}
void cached_short(benchmark::State& state) {
  commands_on(state, 10, 1'000, [](auto&, auto& own, const Add& command) { must::process_command(command, own); });
}
void plain_short(benchmark::State& state) {
  commands_on(state, 10, 1'000, [](auto& store, auto&, const Add& command) { must::process_command(command, store); });
}
BENCHMARK(cached_long)->Iterations(5'000)->Repetitions(7)->MeasureProcessCPUTime();
BENCHMARK(cached_short)->Iterations(5'000)->Repetitions(7)->MeasureProcessCPUTime();
BENCHMARK(plain_short)->Iterations(5'000)->Repetitions(7)->MeasureProcessCPUTime();

}  // namespace

int main(int argc, char** argv) {
  return ratios::run(argc, argv,
                     {{"cached, on a stream of 10,000 / on one of 10", "cached_long", "cached_short", 2},
                      {"cached, on a stream of 10,000 / not cached, on one of 10", "cached_long", "plain_short", 2}});
}

// SPDX-License-Identifier: MIT
// Catching up with all events of a store, and the bare read that it is compared with.
#pragma once

#include "must/query.hpp"
#include "must/subscription.hpp"

#include <benchmark/benchmark.h>

#include <cstddef>
#include <string>

namespace bench {

// Saves nothing and looks at nothing meanwhile.
inline const must::subscription_options in_peace{.save_every = 1'000'000, .save_interval = must::duration(60'000'000)};

inline std::string next_name() {
  static int count = 0;
  return "bench" + std::to_string(++count);
}

struct bytes_of {
  std::size_t operator()(const auto& event) const { return event.data.bytes().size(); }
};

// The sum of weigh(event).
template <typename Store, typename Weigh = bytes_of>
void read_all(benchmark::State& state, Store& store, Weigh weigh = {}) {
  for (auto _ : state) {
    std::size_t sum = 0;
    static_cast<void>(store.read(must::query::all(), {}, [&](const auto& event) { sum += weigh(event); }));
    benchmark::DoNotOptimize(sum);
  }
}
template <typename Store, typename Weigh = bytes_of>
void catch_up(benchmark::State& state, Store& store, Weigh weigh = {}) {
  for (auto _ : state) {
    std::size_t sum = 0;
    must::subscription follows(
        store, next_name(), must::query::all(), [&](const auto& event) { sum += weigh(event); }, in_peace);
    follows.run_once();
    benchmark::DoNotOptimize(sum);
  }
}

}  // namespace bench

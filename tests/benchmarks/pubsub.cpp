// SPDX-License-Identifier: MIT
// pubsub with 1,000 subscribers: handlers against a loop over callbacks, mailboxes against vectors under a mutex.
#include "must/delivery/pubsub.hpp"

#include "must/delivery/relay.hpp"
#include "must/must.hpp"
#include "must/storage/memory.hpp"

#include "benchmarks/ratios.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace {

struct message {
  std::uint64_t value;
};
constexpr std::size_t subscribers = 1'000;

void callbacks_by_hand(benchmark::State& state) {
  using list = std::vector<std::function<void(const message&)>>;
  std::vector<std::uint64_t> sums(subscribers);
  auto all = std::make_shared<list>();
  for (auto& sum : sums) all->push_back([&sum](const message& one) { sum += one.value; });
  std::mutex mutex;
  for (auto _ : state) {
    const auto now = [&] {
      const std::lock_guard lock(mutex);
      return std::shared_ptr<const list>(all);
    }();
    const message one{1};
    for (const auto& each : *now) each(one);
  }
  benchmark::DoNotOptimize(sums.data());
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(subscribers));
}
void pubsub_callbacks(benchmark::State& state) {
  must::pubsub<message> bus;
  std::vector<std::uint64_t> sums(subscribers);
  std::vector<must::topic_subscription> tokens;
  for (auto& sum : sums) tokens.push_back(bus.subscribe("t", [&sum](const message& one) { sum += one.value; }));
  for (auto _ : state) bus.broadcast("t", message{1});
  benchmark::DoNotOptimize(sums.data());
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(subscribers));
}

// 16 messages for each, then each is emptied.
constexpr int burst = 16;
void mailboxes_by_hand(benchmark::State& state) {
  struct box {
    std::mutex mutex;
    std::vector<std::shared_ptr<const message>> waiting;
  };
  std::vector<std::unique_ptr<box>> all(subscribers);
  for (auto& one : all) one = std::make_unique<box>();
  std::vector<std::shared_ptr<const message>> taken;
  std::uint64_t sum = 0;
  for (auto _ : state) {
    for (int i = 0; i < burst; ++i) {
      const auto one = std::make_shared<const message>(message{1});
      for (auto& each : all) {
        const std::lock_guard lock(each->mutex);
        each->waiting.push_back(one);
      }
    }
    for (auto& each : all) {
      taken.clear();
      {
        const std::lock_guard lock(each->mutex);
        taken.swap(each->waiting);
      }
      for (const auto& one : taken) sum += one->value;
    }
  }
  benchmark::DoNotOptimize(sum);
  state.SetItemsProcessed(state.iterations() * burst * static_cast<std::int64_t>(subscribers));
}
void pubsub_mailboxes(benchmark::State& state) {
  must::pubsub<message> bus;
  std::vector<std::unique_ptr<must::mailbox<message>>> all(subscribers);
  std::vector<must::topic_subscription> tokens;
  for (auto& one : all) {
    one = std::make_unique<must::mailbox<message>>();
    tokens.push_back(bus.subscribe("t", *one));
  }
  std::vector<must::mailbox<message>::pointer> taken;
  std::uint64_t sum = 0;
  for (auto _ : state) {
    for (int i = 0; i < burst; ++i) bus.broadcast("t", message{1});
    for (auto& each : all) {
      each->take(taken);
      for (const auto& one : taken) sum += one->value;
    }
  }
  benchmark::DoNotOptimize(sum);
  state.SetItemsProcessed(state.iterations() * burst * static_cast<std::int64_t>(subscribers));
}

struct Added {
  std::string stream;
  int amount;
};
using store_type = must::memory_store<Added>;
using record = must::recorded<store_type::data_type>;
constexpr int stored = 100'000;

void fill(store_type& store) {
  for (int i = 0; i < stored; ++i) must::append(store, Added{"s" + std::to_string(i % 100), 1});
}
void loop_that_publishes(benchmark::State& state) {
  store_type store;
  fill(store);
  must::pubsub<record> bus;
  std::uint64_t count = 0;
  const auto token = bus.subscribe("Added", [&](const record&) { ++count; });
  for (auto _ : state)
    static_cast<void>(
        store.read(must::query::all(), {}, [&](const record& event) { bus.broadcast(event.type, event); }));
  benchmark::DoNotOptimize(count);
  state.SetItemsProcessed(state.iterations() * stored);
}
void relay_that_publishes(benchmark::State& state) {
  store_type store;
  fill(store);
  must::pubsub<record> bus;
  std::uint64_t count = 0;
  const auto token = bus.subscribe("Added", [&](const record&) { ++count; });
  int run = 0;
  for (auto _ : state) {
    auto relay = must::relay(store, "relay" + std::to_string(run++), must::query::all(), bus);
    relay.run_once();
  }
  benchmark::DoNotOptimize(count);
  state.SetItemsProcessed(state.iterations() * stored);
}
BENCHMARK(callbacks_by_hand)->Repetitions(7)->MeasureProcessCPUTime();
BENCHMARK(pubsub_callbacks)->Repetitions(7)->MeasureProcessCPUTime();
BENCHMARK(mailboxes_by_hand)->Repetitions(7)->MeasureProcessCPUTime();
BENCHMARK(pubsub_mailboxes)->Repetitions(7)->MeasureProcessCPUTime();
BENCHMARK(loop_that_publishes)->Repetitions(7)->UseRealTime()->MeasureProcessCPUTime();
BENCHMARK(relay_that_publishes)->Repetitions(7)->UseRealTime()->MeasureProcessCPUTime();

}  // namespace

int main(int argc, char** argv) {
  return ratios::run(
      argc, argv,
      {{"handlers / a loop over callbacks", "pubsub_callbacks", "callbacks_by_hand", 1 / 0.7},
       {"mailboxes / vectors under a mutex", "pubsub_mailboxes", "mailboxes_by_hand", 1 / 0.7},
       {"relay in memory / loop that reads and publishes", "relay_that_publishes", "loop_that_publishes", 1 / 0.5}});
}

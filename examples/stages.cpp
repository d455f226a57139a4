// SPDX-License-Identifier: MIT
// A store as a producer, divided into two partitions. One consumer is slow; the other goes on all the same, as what
// the slow one has not asked for stays in the store.
#include <must/delivery/stage.hpp>
#include <must/must.hpp>
#include <must/storage/memory.hpp>

#include <atomic>
#include <iostream>
#include <string>
#include <thread>

struct Measured {
  static constexpr auto type = "Measured";
  std::string stream;
  int value;
};

using Store = must::memory_store<Measured>;
using Event = must::recorded<Store::data_type>;

int main() {
  Store store;
  for (int i = 0; i < 1'000; ++i) must::append(store, Measured{i % 2 == 0 ? "cellar" : "attic", i});

  const must::partition_producer rooms(must::store_source(store, must::query::all(), {.live = false}), 2,
                                       [](const Event& event) { return event.subject == "cellar" ? 0U : 1U; });

  std::atomic<bool> attic_is_done = false;
  int cellar = 0, attic = 0;
  {
    std::jthread slow([&] {
      auto consumer = must::make_consumer<Event>([&](const Event&) {
        attic_is_done.wait(false);  // so slow that it does not end its first event before the other has ended all
        ++cellar;
      });
      consumer.subscribe_to(rooms[0], {.max_demand = 10});  // at most 10 are on their way to it
      consumer.run();
    });
    std::jthread fast([&] {
      auto consumer = must::make_consumer<Event>([&](const Event&) { ++attic; });
      consumer.subscribe_to(rooms[1]);
      consumer.run();
      std::cout << "attic: " << attic << " while the cellar waits\n";
      attic_is_done = true;
      attic_is_done.notify_all();
    });
  }
  std::cout << "cellar: " << cellar << '\n';
}

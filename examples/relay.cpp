// SPDX-License-Identifier: MIT
// A relay into a stage: events leave the store when the stage asks for them, and the checkpoint follows what it has
// handled. What it fails at comes again.
#include <must/delivery/relay.hpp>
#include <must/delivery/stage.hpp>
#include <must/must.hpp>
#include <must/storage/memory.hpp>

#include <chrono>
#include <iostream>
#include <stdexcept>
#include <string>
#include <thread>

struct Ordered {
  static constexpr auto type = "Ordered";
  std::string stream, what;
};

using Store = must::memory_store<Ordered>;
using Event = must::recorded<Store::data_type>;

int main() {
  Store store;
  must::append(store, Ordered{"alice", "tea"}, Ordered{"bob", "coffee"}, Ordered{"alice", "milk"});

  must::stage_delivery<Event> orders;  // a Delivery at one end, a producer at the other

  std::jthread kitchen([&] {
    bool has_milk = false;
    auto cook = must::make_consumer<Event>([&](const Event& event) {
      const auto& order = event.data.get<Ordered>();
      if (order.what == "milk" && !has_milk) throw std::runtime_error("there is no milk");
      std::cout << order.what << " for " << order.stream << '\n';
    });
    cook.subscribe_to(orders, {.max_demand = 1});
    try {
      cook.run();
    } catch (const std::runtime_error& why) {
      std::cout << "kitchen: " << why.what() << '\n';
    }
    has_milk = true;
    cook.subscribe_to(orders);
    cook.run();  // until the orders are closed
  });

  // Patient: without a stage, or with one that fails, an event is tried again.
  auto relay = must::relay(store, "kitchen", must::query::all(), orders,
                           {.following = {.on_failure = {.attempts = 1'000, .delay = std::chrono::milliseconds(1)}}});
  const auto done = relay.run_once();
  orders.close();
  kitchen.join();
  std::cout << "served up to position " << done << '\n';
}

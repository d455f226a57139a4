// SPDX-License-Identifier: MIT
// A process manager that crashes, on every store.
#pragma once

#include "must/codec/json.hpp"
#include "must/model/process_manager.hpp"
#include "must/must.hpp"
#include "must/testing/crashing_store.hpp"

#include "support/catch.hpp"

#include <map>
#include <string>
#include <tuple>

namespace must_test {

struct order_placed {
  static constexpr auto type = "order.placed";
  std::string order;
};
struct order_shipped {
  static constexpr auto type = "order.shipped";
  std::string order;
};
struct ship {
  std::string order;
  static constexpr auto be_authorized = must::anyone;
  void be_valid() const { must::ensure(order != "of nothing", "there is nothing to ship"); }
  order_shipped be_translated_to_events() const { return {order}; }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(order_placed, order)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(order_shipped, order)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ship, order)

struct fulfilment {
  using events = must::events<order_placed, order_shipped>;
  using starts = must::events<order_placed>;
  using ends = must::events<order_shipped>;
  using commands = must::commands<ship>;
  static std::string key_of(const auto& event) { return event.order; }
  void apply(const auto&) {}
  auto react(const order_placed& event) const { return ship{event.order}; }
  auto react(const order_shipped&) const { return std::tuple(); }
  auto refused(const ship&, const must::error&) const { return must::end_process{}; }
};

// F: default-constructible, `store()` gives an empty CellStorage of payloads.
template <typename F>
void a_crashed_manager_runs_no_command_twice() {
  const must::subscription_options quick{.save_interval = must::duration(1'000), .lease = must::duration(20'000)};
  bool crashed = true;
  for (int at = 1; crashed; ++at) {
    REQUIRE(at < 100);
    crashed = false;
    for (const bool stored : {false, true}) {
      INFO("write " << at << (stored ? ", stored" : ", not stored"));
      F fixture;
      auto& store = fixture.store();
      must::append(store, order_placed{"one"}, order_placed{"of nothing"}, order_placed{"two"});
      const auto settle = [&](auto& on) {
        auto manager = must::process_manager<fulfilment>(on, "orders", quick);
        while (manager.run_once() < store.head()) {}
      };
      must::testing::crashing_store failing(store);
      failing.crash_at(at, stored);
      try {
        settle(failing);
      } catch (const must::testing::crashed&) {
        crashed = true;
      }
      settle(store);
      std::map<std::string, int> counts;
      for (const auto& event : must::events_in(store, must::query::all())) {
        ++counts[event.type];
        if (const auto shipped = event.template as<order_shipped>()) ++counts[shipped->order];
      }
      CHECK(counts["one"] == 1);
      CHECK(counts["two"] == 1);
      CHECK(counts["of nothing"] == 0);
      CHECK(counts[must::process_outcome::type] == 3);
    }
  }
}

}  // namespace must_test

// SPDX-License-Identifier: MIT
// A process manager: an order is paid, then shipped; when the parcel cannot be sent the money goes back, and who does
// not pay within a day loses the order.
#include <must/codec/json.hpp>
#include <must/model/process_manager.hpp>
#include <must/must.hpp>
#include <must/storage/memory.hpp>
#include <must/testing/fixed_origin.hpp>

#include <chrono>
#include <iostream>
#include <string>
#include <string_view>
#include <tuple>

struct Ordered {
  static constexpr auto type = "Ordered";
  std::string order, country;
};
struct Paid {
  static constexpr auto type = "Paid";
  std::string order;
};
struct Shipped {
  static constexpr auto type = "Shipped";
  std::string order;
};
struct Refunded {
  static constexpr auto type = "Refunded";
  std::string order, why;
};
struct Cancelled {
  static constexpr auto type = "Cancelled";
  std::string order;
};

struct Ship {
  std::string order, country;

  static constexpr auto be_authorized = must::anyone;
  void be_valid() const { must::ensure(country != "Atlantis", "nobody delivers to " + country); }
  Shipped be_translated_to_events() const { return {order}; }
};
struct Refund {
  std::string order, why;

  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  Refunded be_translated_to_events() const { return {order, why}; }
};
struct Cancel {
  std::string order;

  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  Cancelled be_translated_to_events() const { return {order}; }
};
// A command is stored before it runs: this is how it becomes JSON.
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Ship, order, country)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Refund, order, why)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Cancel, order)

struct Fulfilment {
  using events = must::events<Ordered, Paid, Shipped, Refunded, Cancelled>;
  using starts = must::events<Ordered>;
  using ends = must::events<Shipped, Refunded, Cancelled>;
  using commands = must::commands<Ship, Refund, Cancel>;
  std::string order, country;

  static std::string key_of(const auto& event) { return event.order; }
  void apply(const Ordered& event) { order = event.order, country = event.country; }
  void apply(const auto&) {}

  auto react(const Ordered&) const { return must::process_deadline{"payment", std::chrono::hours(24)}; }
  auto react(const Paid&) const { return std::tuple{Ship{order, country}, must::cancel_deadline{"payment"}}; }
  auto react(const auto&) const { return std::tuple{}; }

  auto refused(const Ship&, const must::error& why) const { return Refund{order, why.message}; }
  auto on_deadline(std::string_view) const { return Cancel{order}; }
};

int main() {
  must::testing::fixed_clock clock("2026-01-01T12:00:00Z");
  must::memory_store<Ordered, Paid, Shipped, Refunded, Cancelled, must::process_decided, must::process_outcome> store(
      {.clock = &clock});
  auto fulfilment = must::process_manager<Fulfilment>(store, "fulfilment");
  const auto settle = [&] {
    while (fulfilment.run_once() < store.head()) {}  // until its own commands are followed as well
  };

  must::append(store, Ordered{"1", "Iceland"}, Ordered{"2", "Atlantis"}, Ordered{"3", "Peru"}, Ordered{"4", "Peru"});
  must::append(store, Paid{"1"}, Paid{"2"});
  settle();
  for (const auto& one : fulfilment.running()) std::cout << "not paid yet: order " << one.key << '\n';
  fulfilment.end("4");  // By hand: its deadline is passed over.
  clock.advance(std::chrono::hours(25));
  settle();

  for (const auto& event : must::events_in<Shipped, Refunded, Cancelled>(store)) {
    std::cout << event.type;
    event.visit<Shipped, Cancelled>([](const auto& what) { std::cout << " order " << what.order; });
    event.visit<Refunded>([](const Refunded& what) { std::cout << " order " << what.order << ": " << what.why; });
    std::cout << '\n';
  }
}

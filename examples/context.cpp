// SPDX-License-Identifier: MIT
// Two bounded contexts, or two tenants, on one store: each as if it were alone.
#include <must/must.hpp>
#include <must/storage/context.hpp>
#include <must/storage/memory.hpp>

#include <iostream>
#include <string>

struct Ordered {
  static constexpr auto type = "Ordered";
  std::string stream;
  int amount;
};
using store_type = must::memory_store<Ordered>;

struct Orders {
  using events = must::events<Ordered>;
  int amount = 0;
  void apply(const Ordered& order) { amount += order.amount; }
};

struct Order {
  std::string customer;
  int amount;

  auto depends_on() const { return must::stream<Orders>(customer); }
  static constexpr auto be_authorized = must::anyone;
  void be_valid(const Orders& before) const { must::ensure(before.amount + amount <= 100, "more than 100 on credit"); }
  Ordered be_translated_to_events() const { return {customer, amount}; }
};

int main() {
  store_type store;
  must::context<store_type> sales(store, "sales"), rental(store, "rental");

  must::process_command(Order{"ann", 80}, sales);
  must::process_command(Order{"ann", 90}, rental);
  const auto refused = must::try_process_command(Order{"ann", 30}, sales);
  std::cout << "sales: " << refused.error().message << '\n';

  for (auto* context : {&sales, &rental})
    for (const auto& event : must::events_in(*context, must::query::all()))
      std::cout << context->name() << " sees " << event.subject << " from " << event.source << '\n';
  for (const auto& event : must::events_in(store, must::query::all()))
    std::cout << "the store has " << event.subject << " at position " << event.position << '\n';
}

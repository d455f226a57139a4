// SPDX-License-Identifier: MIT
// Snapshots and cached states: a command on a long stream reads only what is new.
#include <must/codec/json.hpp>
#include <must/must.hpp>
#include <must/storage/cached.hpp>
#include <must/storage/memory.hpp>

#include <iostream>
#include <string>

struct Counted {
  static constexpr auto type = "Counted";
  std::string stream;
  int amount;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Counted, stream, amount)

int folded = 0;  // to show what is read

struct Stock {
  using events = must::events<Counted>;
  static constexpr int snapshot_every = 100;  // this is all: the rest is kept in cells of the store
  static constexpr int schema_version = 1;    // raised when apply comes to another state from the same events
  int amount = 0;

  void apply(const Counted& count) { amount += count.amount, ++folded; }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Stock, amount)

struct Count {
  std::string shelf;
  int amount;

  auto depends_on() const { return must::stream<Stock>(shelf); }
  static constexpr auto be_authorized = must::anyone;
  void be_valid(const Stock& stock) const { must::ensure(stock.amount + amount >= 0, "there is less on the shelf"); }
  Counted be_translated_to_events() const { return {shelf, amount}; }
};

template <must::Storage Store>
void count(Store& store, const std::string& how) {
  folded = 0;
  must::process_command(Count{"shelf-1", 1}, store);
  std::cout << how << ": " << folded << " events are folded\n";
}

int main() {
  must::memory_store<> store;
  for (int i = 0; i < 1'000; ++i) must::append(store, Counted{"shelf-1", 1});

  count(store, "the first command");
  count(store, "the second, from the snapshot");
  for (int i = 0; i < 49; ++i) must::process_command(Count{"shelf-1", 1}, store);
  count(store, "50 later");

  must::cached in_process(store);  // beside or instead of snapshots
  count(in_process, "a first one through cached");
  count(in_process, "a second one");
  std::cout << "on the shelf: " << must::load(store, must::stream<Stock>("shelf-1")).state.amount << '\n';
}

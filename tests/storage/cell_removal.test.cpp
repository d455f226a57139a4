// SPDX-License-Identifier: MIT
// Tests that stores remove cells, each once and at its revision.
#include "must/storage/snapshots.hpp"

#include "must/codec/json.hpp"
#include "must/must.hpp"
#include "must/storage.hpp"

#include "stores/all.hpp"

#include <array>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace {

struct Deposited {
  static constexpr auto type = "deposited";
  std::string account;
  int amount;
  [[nodiscard]] std::string stream() const { return account; }
};
struct Account {
  using events = must::events<Deposited>;
  static constexpr auto snapshot_every = 1;
  int balance = 0;
  void apply(const Deposited& event) { balance += event.amount; }
};
struct Deposit {
  std::string account;
  int amount;
  [[nodiscard]] auto depends_on() const { return must::stream<Account>(account); }
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  [[nodiscard]] Deposited be_translated_to_events() const { return {account, amount}; }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Deposited, account, amount)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Account, balance)

}  // namespace

EACH_STORE_TEST_CASE(with_cells, "storage: a cell of each store is removed at its revision only", "[storage]") {
  using store_type = typename must::testing::suite::store_of<Store>;
  STATIC_REQUIRE(must::CellRemovalStorage<store_type>);
  Store fixture;
  auto& store = fixture.store();
  CHECK_FALSE(store.remove("one", 0));
  CHECK_FALSE(store.remove("one", 1));
  REQUIRE(store.put("one", "a", 0));
  REQUIRE(store.put("one", "b", 1));
  REQUIRE(store.put("one/other", "c", 0));
  CHECK_FALSE(store.remove("one", 1));
  CHECK(store.get("one") == must::cell{"b", 2});
  CHECK(store.remove("one", 2));
  CHECK_FALSE(store.get("one"));
  CHECK_FALSE(store.remove("one", 2));
  CHECK(store.list("one") == std::vector<std::string>{"one/other"});
  CHECK_FALSE(store.put("one", "d", 2));
  CHECK(store.put("one", "d", 0));
  CHECK(store.get("one") == must::cell{"d", 1});
  CHECK_THROWS_AS(store.remove("", 1), must::bad_input);
}

EACH_STORE_TEST_CASE(with_cells, "storage: of threads that remove one cell of each store, one does",
                     "[storage][race]") {
  Store fixture;
  auto& store = fixture.store();
  for (int round = 0; round < 20; ++round) {
    const auto key = "cell " + std::to_string(round);
    REQUIRE(store.put(key, "a", 0));
    std::atomic<int> removed{0}, put{0};
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&, i] {
        if (i == 0)
          put += store.put(key, "b", 1) ? 1 : 0;
        else
          removed += store.remove(key, 1) ? 1 : 0;
      });
    threads.clear();
    CHECK(removed + put == 1);
    CHECK(store.get(key).has_value() == (put == 1));
  }
}

EACH_STORE_TEST_CASE(with_cells, "remove_snapshots: removes the snapshots of each store that nothing has moved since",
                     "[storage]") {
  Store fixture;
  auto& store = fixture.store();
  const auto deposit = [&](const std::string& account) {  // The second one folds the first, and keeps that.
    for (int i = 0; i < 2; ++i) must::process_command(Deposit{account, 1}, store);
  };
  deposit("old");
  deposit("new");
  const auto until = store.head();
  deposit("new");
  REQUIRE(store.put("mine", "kept", 0));
  CHECK(store.list("must/snapshot/").size() == 2);
  CHECK(must::remove_snapshots(store, until) == 1);
  CHECK(store.list("must/snapshot/").size() == 1);
  CHECK(must::load(store, must::stream<Account>("old")).state.balance == 2);
  CHECK(must::load(store, must::stream<Account>("new")).state.balance == 4);
  CHECK(must::remove_snapshots(store, store.head()) >= 1);
  CHECK(store.list("must/snapshot/").empty());
  CHECK(store.get("mine") == must::cell{"kept", 1});
}

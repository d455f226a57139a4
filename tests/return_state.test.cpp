// SPDX-License-Identifier: MIT
// The state after a command: what load gives at the position of its last event.
#include "must/codec/json.hpp"
#include "must/load.hpp"
#include "must/must.hpp"
#include "must/storage/memory.hpp"

#include <nlohmann/json.hpp>
#include "stores/scripted_store.hpp"
#include "support/catch.hpp"
#include "support/moved.hpp"

#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

namespace {

using must_test::Moved;

struct Balance {
  using events = must::events<Moved>;
  int amount = 0;
  void apply(const Moved& event) { amount += event.amount; }
  friend bool operator==(const Balance&, const Balance&) = default;
};
struct Count {
  using events = must::events<Moved>;
  int payments = 0;
  void apply(const Moved&) { ++payments; }
};
struct Kept {
  using events = must::events<Moved>;
  static constexpr int snapshot_every = 2;
  static constexpr int schema_version = 1;
  int amount = 0;
  void apply(const Moved& event) { amount += event.amount; }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Kept, amount)

template <typename Boundary>
struct Pay {
  static constexpr auto type = "Pay";
  Boundary boundary;
  std::vector<Moved> payments{};

  auto depends_on() const { return boundary; }
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  auto be_translated_to_events() const { return payments; }
};
template <typename Boundary>
Pay(Boundary, std::vector<Moved>) -> Pay<Boundary>;

using store_type = must::memory_store<Moved>;

}  // namespace

TEST_CASE("return_state: the state has the events of the command, as load has it", "[core]") {
  store_type store;
  const Pay pay{must::stream<Balance>("a"), {{"a", 3}, {"a", 4}}};
  const auto first = must::process_command(pay, store, must::return_state);
  STATIC_REQUIRE(std::is_same_v<decltype(first.state), Balance>);
  CHECK(first.state.amount == 7);
  must::append(store, Moved{"b", 100});
  const auto second = must::process_command(pay, store, must::return_state);
  CHECK(second.state.amount == 14);
  CHECK(second.state == must::load(store, must::stream<Balance>("a")).state);
  CHECK(second.version == must::load(store, must::stream<Balance>("a")).version);
  const auto none = must::process_command(Pay{must::stream<Balance>("a"), {}}, store, must::return_state);
  CHECK(none.state.amount == 14);
  const auto refused = must::try_process_command(pay, store, must::return_state, must::expected_version{1});
  CHECK_FALSE(refused);
}

TEST_CASE("return_state: several states come as a tuple, each with what lies in its boundary", "[core]") {
  store_type store;
  must::append(store, Moved{"a", 1, {"t"}}, Moved{"b", 2});
  const auto all =
      must::all_of(must::stream<Balance>("a"), must::tagged<Count>("t"),
                   must::each<Balance>(std::vector<std::string>{"a", "b"}), std::optional<must::dependency<Count>>());
  const auto done = must::try_process_command(Pay{all, {{"a", 10, {"t"}}, {"b", 20}}}, store, must::return_state);
  REQUIRE(done);
  const auto& [balance, tagged, each, absent] = done->state;
  CHECK(balance.amount == 11);
  CHECK(tagged.payments == 2);
  CHECK(each == std::vector<Balance>{{11}, {22}});
  CHECK_FALSE(absent);
}

TEST_CASE("return_state: what others store after the command is not in the state", "[core]") {
  store_type store;
  must_test::scripted_store scripted(store);
  scripted.after = [&](std::size_t) { must::append(store, Moved{"a", 1'000}); };
  const Pay pay{must::stream<Balance>("a"), {{"a", 3}}};
  const auto done = must::process_command(pay, scripted, must::return_state, must::identified_by{"1"});
  CHECK(done.state.amount == 3);
  CHECK(done.version == must::version(1));
  CHECK(store.version("a") == 2);
  // Nor is it where the command is sent again.
  const auto again = must::process_command(pay, store, must::return_state, must::identified_by{"1"});
  CHECK(again.replayed);
  CHECK(again.state.amount == 3);
}

TEST_CASE("return_state: a repeat that ran at the same time has the state and the version of the first", "[core]") {
  store_type store;
  must_test::scripted_store scripted(store);
  const Pay pay{must::stream<Balance>("a"), {{"a", 3}}};
  scripted.before = [&](std::size_t) -> std::optional<must::append_result> {
    must::append(store, Moved{"a", 1'000});
    must::process_command(pay, store, must::identified_by{"1"});
    return {};
  };
  const auto done = must::process_command(pay, scripted, must::return_state, must::identified_by{"1"});
  CHECK(done.last == 2);
  CHECK(done.version == must::version(2));
  CHECK(done.state.amount == 1'003);
  CHECK(store.head() == 2);
}

TEST_CASE("return_state: a state with snapshots is the same, also for a command that is sent again", "[core]") {
  must::memory_store<> store;
  const auto pay = [&](int amount, const std::string& id) {
    return must::process_command(Pay{must::stream<Kept>("a"), {{"a", amount}}}, store, must::return_state,
                                 must::identified_by{id});
  };
  int sum = 0;
  for (int i = 1; i <= 9; ++i) {
    sum += i;
    CHECK(pay(i, std::to_string(i)).state.amount == sum);
    CHECK(must::load(store, must::stream<Kept>("a")).state.amount == sum);
  }
  CHECK(pay(3, "3").state.amount == 6);
  CHECK(must::load(store, must::stream<Kept>("a")).state.amount == sum);
}

TEST_CASE("return_state: without it, processed has no state", "[core]") {
  store_type store;
  const Pay pay{must::stream<Balance>("a"), {{"a", 3}}};
  STATIC_REQUIRE(std::is_same_v<decltype(must::process_command(pay, store)), must::processed<Moved>>);
  STATIC_REQUIRE(
      std::is_same_v<decltype(must::process_command(pay, store, must::return_state)), must::processed<Moved, Balance>>);
  must_test::scripted_store scripted(store);
  must::process_command(pay, scripted);
  CHECK(scripted.reads.size() == 1);
  must::process_command(pay, scripted, must::return_state);
  CHECK(scripted.reads.size() == 3);
}

// SPDX-License-Identifier: MIT
#include "must/storage/cached.hpp"

#include "must/codec/json.hpp"
#include "must/must.hpp"
#include "must/storage/kit/decorator.hpp"
#include "must/storage/memory.hpp"

#include "support/catch.hpp"

#include <atomic>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace {

struct Added {
  static constexpr auto type = "Added";
  std::string stream;
  int amount;
  std::vector<std::string> tags{};
};
struct Removed {
  static constexpr auto type = "Removed";
  std::string stream;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Added, stream, amount)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Removed, stream)

std::atomic<int> applied{0};
struct Sum {
  using events = must::events<Added, Removed>;
  int amount = 0;
  void apply(const Added& event) { amount += event.amount, ++applied; }
  void apply(const Removed&) { amount = 0, ++applied; }
};
struct Tagged : Sum {};
// The same with snapshots.
struct Total : Sum {
  static constexpr int snapshot_every = 10;
};
struct TotalNow : Sum {  // a later version of it
  static constexpr auto type = "Total";
  static constexpr int schema_version = 2;
  static constexpr int snapshot_every = 10;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Total, amount)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(TotalNow, amount)

template <typename State>
struct add {
  std::string to;
  int most = 1'000'000;
  auto depends_on() const { return must::stream<State>(to); }
  static constexpr auto be_authorized = must::anyone;
  void be_valid(const State& state) const { must::ensure(state.amount < most, "enough"); }
  Added be_translated_to_events() const { return {to, 1}; }
};

using store_type = must::memory_store<Added, Removed>;
struct Both {
  static constexpr bool appends_outside = true;
  auto depends_on() const { return must::all_of(must::stream<Sum>("a"), must::tagged<Tagged>("t")); }
  static constexpr auto be_authorized = must::anyone;
  void be_valid(const Sum& sum, const Tagged& tagged) const {
    must::ensure(sum.amount == 7 && tagged.amount == 53,
                 "wrong: " + std::to_string(sum.amount) + ", " + std::to_string(tagged.amount));
  }
  Removed be_translated_to_events() const { return {"x"}; }
};
struct switchable : must::kit::decorator<store_type> {  // a store that is restored while it is used
  using must::kit::decorator<store_type>::decorator;
  must::append_result append(std::span<event> events, const must::append_condition& condition) {
    return now().append(events, condition);
  }
  template <typename Visitor>
  must::read_result read(const must::query& which, const must::read_options& options, Visitor&& visitor) {
    return now().read(which, options, visitor);
  }
  store_type& now() { return other ? *other : storage(); }
  store_type* other = nullptr;
};
template <typename Store>
int applied_by(Store& store, const std::string& stream) {
  applied = 0;
  must::process_command(add<Sum>{stream}, store);
  return applied;
}

}  // namespace

TEST_CASE("cached: a command reads only what is new", "[storage]") {
  store_type store;
  must::cached own(store);
  for (int i = 0; i < 100; ++i) must::append(store, Added{"s", 2});
  CHECK(applied_by(own, "s") == 100);
  CHECK(applied_by(own, "s") == 1);
  must::append(store, Removed{"s"}, Added{"s", 7}, Added{"other", 9});
  CHECK(applied_by(own, "s") == 3);
  CHECK(must::load(own, must::stream<Sum>("s")).state.amount == 8);
  CHECK(must::load(own, must::stream<Sum>("s")).version == store.version("s"));
  CHECK(own.size() == 1);
  own.clear();
  CHECK(must::load(own, must::stream<Sum>("s")).state.amount == 8);
}

TEST_CASE("cached: states of different ages in one command are each brought up to date", "[storage]") {
  store_type store;
  must::cached own(store);
  must::append(store, Added{"a", 1, {"t"}}, Added{"b", 10, {"t"}});
  CHECK(must::load(own, must::stream<Sum>("a")).state.amount == 1);
  must::append(store, Added{"a", 2, {"t"}}, Added{"b", 20});
  CHECK(must::load(own, must::tagged<Tagged>("t")).state.amount == 13);
  must::append(store, Added{"a", 4}, Added{"b", 40, {"t"}});

  applied = 0;
  CHECK_NOTHROW(must::process_command(Both{}, own));
  CHECK(applied == 3);  // two new events of the stream, one with the tag
}

namespace {

// A store that cannot tell its history once something was appended.
struct silent_store : must::kit::decorator<must::memory_store<Added, Removed>> {
  using must::kit::decorator<must::memory_store<Added, Removed>>::decorator;
  must::append_result append(std::span<event> events, const must::append_condition& condition) {
    auto done = storage().append(events, condition);
    is_silent = true;
    return done;
  }
  void append_batch(auto&&...) = delete;
  [[nodiscard]] std::string history() const {
    if (is_silent) must::raise({.code = must::error_code::storage_error, .message = "no disk", .operation = "history"});
    return "one";
  }
  bool is_silent = false;
};
static_assert(must::HistoryStorage<silent_store>);

}  // namespace

TEST_CASE("cached: a command that is stored is stored, though its state cannot be kept", "[storage]") {
  must::memory_store<Added, Removed> inner;
  silent_store store(inner);
  must::cached kept(store);
  CHECK(must::process_command(add<Sum>{"a"}, kept).last == 1);
  CHECK(kept.size() == 0);
  store.is_silent = false;
  CHECK(must::process_command(add<Sum>{"a"}, kept).last == 2);
}

TEST_CASE("cached: a state of another history is thrown away", "[storage]") {
  for (const int restored : {1, 3, 5}) {
    store_type before, after;
    for (int i = 0; i < 3; ++i) must::append(before, Added{"s", 1});
    for (int i = 0; i < restored; ++i) must::append(after, Added{"s", 100});
    switchable store(before);
    must::cached own(store);
    CHECK(must::load(own, must::stream<Sum>("s")).state.amount == 3);
    store.other = &after;
    CHECK(must::load(own, must::stream<Sum>("s")).state.amount == 100 * restored);
    CHECK(must::load(own, must::stream<Sum>("s")).version == static_cast<must::version>(restored));
  }
}

TEST_CASE("cached: no more states are kept than allowed, and the oldest goes", "[storage]") {
  store_type store;
  must::cached own(store, 2);
  must::append(store, Added{"a", 1}, Added{"b", 1}, Added{"c", 1});
  for (const auto* stream : {"a", "b", "a", "c"}) static_cast<void>(must::load(own, must::stream<Sum>(stream)));
  CHECK(own.size() == 2);
  applied = 0;
  static_cast<void>(must::load(own, must::stream<Sum>("a")));
  CHECK(applied == 0);
  static_cast<void>(must::load(own, must::stream<Sum>("b")));
  CHECK(applied == 1);
  CHECK_THROWS_AS(must::cached<store_type>(store, 0), must::bad_input);
}

TEST_CASE("cached: threads that race for the last seats fill them exactly", "[storage][race]") {
  store_type store;
  must::cached own(store, 3);
  std::atomic<int> done{0}, refused{0};
  {
    std::vector<std::jthread> racers;
    for (int i = 0; i < 8; ++i)
      racers.emplace_back([&] {
        for (int n = 0; n < 40; ++n) {
          const auto result = must::try_process_command(add<Sum>{"s", 100}, own, must::attempts{1'000});
          ++(result ? done : refused);
        }
      });
  }
  CHECK(done == 100);
  CHECK(refused == 220);
  CHECK(store.version("s") == 100);
}

TEST_CASE("snapshot: a state is kept in a cell, and read from there by whoever comes", "[storage]") {
  must::memory_store<> store;
  for (int i = 0; i < 25; ++i) must::append(store, Added{"s", 1});
  must::process_command(add<Total>{"s"}, store);
  const auto keys = store.list("must/snapshot/");
  REQUIRE(keys.size() == 1);
  applied = 0;
  for (int i = 0; i < 9; ++i) must::process_command(add<Total>{"s"}, store);
  CHECK(applied == 45);  // 1 + 2 + ... + 9: those since the snapshot
  CHECK(store.get(keys[0])->revision == 1);
  must::process_command(add<Total>{"s"}, store);
  CHECK(store.get(keys[0])->revision == 2);
  applied = 0;
  CHECK(must::load(store, must::stream<Total>("s")).state.amount == 36);
  CHECK(applied == 1);
}

TEST_CASE("snapshot: one that cannot be read, of another history or schema, is thrown away", "[storage]") {
  must::memory_store<> source;
  for (int i = 0; i < 12; ++i) must::append(source, Added{"s", 1});
  static_cast<void>(must::load(source, must::stream<Total>("s")));
  const auto key = source.list("must/snapshot/").at(0);
  const auto good = source.get(key)->bytes;
  for (const auto& bytes : {good, std::string(), std::string("nonsense"), std::string("99 99 1 x5 text/"),
                            good.substr(0, good.size() - 1), std::string("12 12 999999999999 ")}) {
    must::memory_store<> other;
    for (int i = 0; i < 15; ++i) must::append(other, Added{"s", 100});
    REQUIRE(other.put(key, bytes, 0));
    CHECK(must::load(other, must::stream<Total>("s")).state.amount == 1'500);
  }
  CHECK(must::load(source, must::stream<TotalNow>("s")).state.amount == 12);
  CHECK(source.list("must/snapshot/").size() == 2);
}

TEST_CASE("snapshot: a cached store takes it up, and keeps it fresh", "[storage]") {
  must::memory_store<> store;
  for (int i = 0; i < 25; ++i) must::append(store, Added{"s", 1});
  static_cast<void>(must::load(store, must::stream<Total>("s")));
  must::cached own(store);
  applied = 0;
  CHECK(must::load(own, must::stream<Total>("s")).state.amount == 25);
  CHECK(applied == 0);
  for (int i = 0; i < 11; ++i) must::process_command(add<Total>{"s"}, own);
  CHECK(store.get(store.list("must/snapshot/").at(0))->revision == 2);
}

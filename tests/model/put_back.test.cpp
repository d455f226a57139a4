// SPDX-License-Identifier: MIT
// A store is put back to a copy, and commands with ids are sent again, as idempotent ones are: their events come back
// under the same ids, behind other events. What was folded before is not taken for what is stored now.
#include "must/codec/json.hpp"
#include "must/delivery/stage.hpp"
#include "must/model/projection.hpp"
#include "must/must.hpp"
#include "must/storage/cached.hpp"
#include "must/testing/fixed_origin.hpp"

#include "stores/restorable.hpp"
#include "support/catch.hpp"

#include <chrono>
#include <string>

namespace {

struct Paid {
  static constexpr auto type = "paid";
  std::string stream;
  int amount = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Paid, stream, amount)
struct Account {
  using events = must::events<Paid>;
  int balance = 0;
  void apply(const Paid& event) { balance += event.amount; }
};
struct Kept : Account {
  static constexpr int snapshot_every = 1;
};
inline void to_json(nlohmann::json& out, const Kept& from) { out = from.balance; }
inline void from_json(const nlohmann::json& in, Kept& to) { to.balance = in.get<int>(); }
struct Pay {
  int amount = 0;
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  Paid be_translated_to_events() const { return {"a", amount}; }
};

// Pays 1, keeps a copy, pays 10 and 5, and calls `follow()`. Then the copy is put back, 1,000 is paid, and 5 again.
// When that is declared, the clock may stand still.
template <typename Place, typename Follow>
void put_back(Place& place, must::testing::fixed_clock& clock, Follow&& follow, bool is_declared = false) {
  const auto pay = [&](int amount, const char* id) {
    if (!is_declared) clock.advance(std::chrono::seconds(1));
    static_cast<void>(must::process_command(Pay{amount}, place.store(), must::identified_by{id}));
  };
  pay(1, "opened");
  place.save();
  pay(10, "a");
  pay(5, "b");
  follow();
  place.restore(0);
  if (is_declared) place.mark_restored();
  pay(1'000, "c");
  pay(5, "b");
}

}  // namespace

EACH_PLACE_TEST_CASE("restore: a wait and a cached state, and a snapshot, are of what is stored now", "[model]") {
  must::testing::fixed_clock clock;
  TestType place(clock);
  must::cached kept(place.store());
  const auto account = must::stream<Account>("a");
  put_back(place, clock, [&] {
    CHECK(must::load(kept, account).state.balance == 16);
    CHECK(must::load(place.store(), must::stream<Kept>("a")).state.balance == 16);
  });
  if constexpr (must::WaitableStorage<typename TestType::store_type>)
    CHECK_FALSE(place.store().wait_for(place.store().head() + 1, must::duration(1'000)));
  CHECK(must::load(kept, account).state.balance == 1'006);
  CHECK(must::load(place.store(), must::stream<Kept>("a")).state.balance == 1'006);
}

TEMPLATE_TEST_CASE("restore: a projection and a source of a stage tell that the history has changed", "[model]",
                   must_test::restorable_sqlite, must_test::restorable_context<must_test::restorable_sqlite>) {
  const bool is_declared = GENERATE(false, true);
  must::testing::fixed_clock clock;
  TestType place(clock);
  must::cached kept(place.store());
  auto sum = must::projection<Account>(place.store(), "sum");
  must::store_source source(place.store(), must::query::all(), {.live = false});
  const auto take_all = [](const auto&) { return true; };
  put_back(
      place, clock,
      [&] {
        sum.run_once();
        CHECK(sum.state().balance == 16);
        source.pull(take_all);
        CHECK(must::load(kept, must::stream<Account>("a")).state.balance == 16);
      },
      is_declared);
  CHECK(must::load(kept, must::stream<Account>("a")).state.balance == 1'006);
  CHECK_THROWS_AS(sum.run_once(), must::history_changed);
  CHECK_THROWS_AS(source.pull(take_all), must::history_changed);
}

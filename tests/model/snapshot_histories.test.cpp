// SPDX-License-Identifier: MIT
// Tests random histories of states with snapshots: events, commands, releases of the state, crashes, restores of the
// store, with and without a cache. Whatever is kept, a state is what a fold of the events gives.
#include "must/codec/json.hpp"
#include "must/must.hpp"
#include "must/storage/cached.hpp"
#include "must/testing/crashing_store.hpp"
#include "must/testing/fixed_origin.hpp"

#include "cases/random_history.hpp"
#include "stores/restorable.hpp"
#include "support/catch.hpp"
#include "support/shelf.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

using namespace must_test;

namespace {

// Counts what the state says, so that a wrong state is stored for all to see.
template <typename Shelf>
struct Count {
  static constexpr auto type = "count";
  std::string shelf;
  auto depends_on() const { return must::stream<Shelf>(shelf); }
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  Counted be_translated_to_events(const Shelf& state) const { return {shelf, 1 + state.sum % 7}; }
};

template <typename Place>
class snapshot_history {
 public:
  explicit snapshot_history(std::uint64_t seed) : dice_(seed) {
    place_.save();
    cached_.emplace(place_.store());
  }
  void run() {
    for (int step = 0; step < 60; ++step) take_step();
    for (const auto* shelf : {"a", "b/1"}) check_all(shelf);
  }

 private:
  using store_type = typename Place::store_type;

  void take_step() {
    const std::string shelf = dice_.one_in(2) ? "a" : "b/1";
    place_.stir();
    const int amount = static_cast<int>(1 + dice_.draw(50));
    switch (dice_.draw(8)) {
      case 0:
      case 1:
        dice_.tell("count " + shelf);
        must::append(place_.store(), Counted{shelf, amount});
        break;
      case 2:
        dice_.tell("return " + shelf);
        must::append(place_.store(), Returned{shelf, amount});
        break;
      case 3: {
        dice_.tell("command " + shelf);
        const auto before = folded<as_it_was::Shelf>(shelf).sum;
        if (dice_.one_in(2))
          command<as_it_was::Shelf>(shelf, before);
        else
          command<with_a_member::Shelf>(shelf, folded<with_a_member::Shelf>(shelf).sum);
        break;
      }
      case 4: {
        dice_.tell("crash " + shelf);
        must::testing::crashing_store failing(place_.store());
        failing.crash_at(static_cast<int>(1 + dice_.draw(3)), dice_.one_in(2));
        try {
          static_cast<void>(must::process_command(Count<with_an_event::Shelf>{shelf}, failing));
          static_cast<void>(must::load(failing, must::tagged<with_a_member::Shelf>("shelf:" + shelf)));
        } catch (const must::testing::crashed&) {}
        break;
      }
      case 5:
        if (dice_.one_in(2)) {
          dice_.tell("save");
          place_.save();
        } else {
          const auto which = dice_.draw(static_cast<unsigned>(place_.copies()));
          dice_.tell("restore " + std::to_string(which));
          place_.restore(which);
          if (dice_.one_in(2)) place_.mark_restored();
          if (dice_.one_in(2)) reopen();
        }
        break;
      case 6: reopen(); break;
      default: dice_.tell("look " + shelf); check_all(shelf);
    }
  }
  void reopen() {
    dice_.tell("reopen");
    cached_.reset();
    place_.reopen("/test");
    cached_.emplace(place_.store());
  }
  template <typename Shelf>
  void command(const std::string& shelf, int before) {
    const Count<Shelf> one{shelf};
    const auto done =
        dice_.one_in(2) ? must::process_command(one, *cached_) : must::process_command(one, place_.store());
    INFO(dice_.story());
    CHECK(must::events_in(place_.store(), must::query::all()).back().template as<Counted>()->amount == 1 + before % 7);
    CHECK(done.last == place_.store().head());
  }
  // Folds the events by hand.
  template <typename Shelf>
  Shelf folded(const std::string& shelf) {
    Shelf state;
    for (const auto& event : must::events_in(place_.store(), must::query::all())) {
      if (!shelf.empty() && event.subject != shelf) continue;
      if (const auto counted = event.template as<Counted>()) state.apply(*counted);
      if constexpr (requires(const Returned& other) { state.apply(other); })
        if (const auto returned = event.template as<Returned>()) state.apply(*returned);
    }
    return state;
  }
  template <typename Shelf>
  void check(const std::string& shelf) {
    const auto sum = folded<Shelf>(shelf).sum, all = folded<Shelf>("").sum;
    CHECK(must::load(place_.store(), must::stream<Shelf>(shelf)).state.sum == sum);
    CHECK(must::load(*cached_, must::stream<Shelf>(shelf)).state.sum == sum);
    CHECK(must::load(place_.store(), must::tagged<Shelf>("shelf:" + shelf)).state.sum == sum);
    CHECK(must::load(*cached_, must::tagged<Shelf>("shelf:" + shelf)).state.sum == sum);
    CHECK(must::load(place_.store(), must::every<Shelf>()).state.sum == all);
    CHECK(must::load(*cached_, must::every<Shelf>()).state.sum == all);
    if constexpr (requires(const Shelf& state) { state.last; }) {
      const auto last = folded<Shelf>(shelf).last;
      CHECK(must::load(place_.store(), must::stream<Shelf>(shelf)).state.last == last);
    }
  }
  void check_all(const std::string& shelf) {
    INFO("shelf " << shelf << ":" << dice_.story());
    check<as_it_was::Shelf>(shelf);
    check<with_an_event::Shelf>(shelf);
    check<with_a_member::Shelf>(shelf);
    check<with_another_meaning::Shelf>(shelf);
  }

  history_dice dice_;
  must::testing::fixed_clock clock_{};
  Place place_{clock_};
  std::optional<must::cached<store_type>> cached_{};
};

}  // namespace

EACH_PLACE_TEST_CASE("snapshot: in random histories a state is what its events give, in each release", "[model]") {
  for_history_seeds(std::is_same_v<TestType, restorable_memory> ? 60 : 10,
                    [](std::uint64_t seed) { snapshot_history<TestType>(seed).run(); });
}

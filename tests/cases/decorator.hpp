// SPDX-License-Identifier: MIT
// What contexts and cached stores show on every store, beside the storage suite: races, and both together.
#pragma once

#include "must/codec/json.hpp"
#include "must/must.hpp"
#include "must/storage/cached.hpp"
#include "must/storage/context.hpp"
#include "must/subscription.hpp"
#include "must/testing/suite/expect.hpp"

#include "support/catch.hpp"

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace must_test {

struct seat_taken {
  static constexpr auto type = "seat.taken";
  std::string flight;
  int seat;
  [[nodiscard]] const std::string& stream() const { return flight; }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(seat_taken, flight, seat)
inline std::atomic<int> seats_folded{0};
struct seats {
  using events = must::events<seat_taken>;
  int taken = 0;
  void apply(const seat_taken&) { ++taken, ++seats_folded; }
};
struct take_seat {
  std::string flight;
  int most = 40;
  auto depends_on() const { return must::stream<seats>(flight); }
  static constexpr auto be_authorized = must::anyone;
  void be_valid(const seats& now) const { must::ensure(now.taken < most, "full"); }
  seat_taken be_translated_to_events(const seats& now) const { return {flight, now.taken}; }
};

// F: `store()` and, by another connection, `other()`.
template <typename F>
struct decorator_cases {
  using store_type = must::testing::suite::store_of<F>;

  template <typename Store>
  static std::vector<int> seats_in(Store& store, const std::string& flight) {
    std::vector<int> found;
    for (const auto& one : must::events_in(store, must::query::of_stream(flight)))
      found.push_back(one.template as<seat_taken>()->seat);
    return found;
  }
  static std::vector<int> all_seats(int most) {
    std::vector<int> all;
    for (int i = 0; i < most; ++i) all.push_back(i);
    return all;
  }

  // Two caches, each of its own process as it were, so that either is behind the other all the time.
  static void cached_racers_fill_exactly() {
    F fixture;
    must::cached left(fixture.store(), 3), right(fixture.other(), 1);
    std::atomic<int> done{0}, refused{0};
    {
      std::vector<std::jthread> racers;
      for (int i = 0; i < 6; ++i)
        racers.emplace_back([&, i] {
          auto& own = i % 2 == 0 ? left : right;
          for (int n = 0; n < 20; ++n) {
            const auto flight = n % 3 == 0 ? "other" : "flight";
            const auto result = must::try_process_command(take_seat{flight, 20}, own, must::attempts{1'000});
            ++(result ? done : refused);
          }
        });
    }
    CHECK(done == 40);
    CHECK(refused == 80);
    CHECK(seats_in(fixture.store(), "flight") == all_seats(20));
    CHECK(seats_in(fixture.other(), "other") == all_seats(20));
  }
  static void cached_reads_what_is_new() {
    F fixture;
    must::cached own(fixture.store());
    for (int i = 0; i < 30; ++i) must::append(fixture.other(), seat_taken{"flight", i});
    must::process_command(take_seat{"flight"}, own);
    seats_folded = 0;
    must::process_command(take_seat{"flight"}, own);
    CHECK(seats_folded == 1);
    for (int i = 32; i < 35; ++i) must::append(fixture.other(), seat_taken{"flight", i});
    seats_folded = 0;
    must::process_command(take_seat{"flight"}, own);
    CHECK(seats_folded == 4);
    CHECK(seats_in(fixture.store(), "flight") == all_seats(36));
  }

  // One attempt a command: another context would fail it if it saw it.
  static void contexts_never_fail_each_other() {
    F fixture;
    auto& first = fixture.store();
    auto& second = fixture.other();
    const char* names[] = {"a", "b", "c", "d"};
    std::atomic<int> done{0}, refused{0};
    {
      std::vector<std::jthread> tenants;
      for (int i = 0; i < 4; ++i)
        tenants.emplace_back([&, i] {
          must::context own(i % 2 == 0 ? first : second, names[i]);
          must::cached fast(own);
          for (int n = 0; n < 40; ++n)
            done += static_cast<bool>(must::try_process_command(take_seat{"flight"}, fast, must::attempts{1}));
          const auto full = must::try_process_command(take_seat{"flight"}, fast, must::attempts{1});
          refused += !full && full.error().code == must::error_code::invalid;
        });
    }
    CHECK(done == 160);
    CHECK(refused == 4);
    CHECK(fixture.store().head() == 160);
    for (const auto* name : names) {
      must::context own(fixture.store(), name);
      CHECK(seats_in(own, "flight") == all_seats(40));
    }
  }
  // Of one name in two contexts, while both are written to.
  static void contexts_are_followed_apart() {
    F fixture;
    must::context left(fixture.store(), "left"), right(fixture.store(), "right"), elsewhere(fixture.other(), "right");
    std::vector<int> seen_left, seen_right;
    const auto collect = [](std::vector<int>& to) {
      return [&to](const auto& event) { to.push_back(must::codec<seat_taken>::decode(event.data).seat); };
    };
    must::subscription follows_left(left, "all", must::query::all(), collect(seen_left));
    must::subscription follows_right(right, "all", must::query::all(), collect(seen_right));
    {
      std::jthread runs_left([&](const std::stop_token& stop) { follows_left.run(stop); });
      std::jthread runs_right([&](const std::stop_token& stop) { follows_right.run(stop); });
      std::jthread writes([&] {
        for (int i = 0; i < 40; ++i) must::append(elsewhere, seat_taken{"flight", i});
      });
      for (int i = 0; i < 40; ++i) must::append(left, seat_taken{"flight", 40 - i});
      writes.join();
      REQUIRE(follows_left.wait_until(left.head(), must::duration(60'000'000)));
      REQUIRE(follows_right.wait_until(right.head(), must::duration(60'000'000)));
    }
    CHECK(seen_left == seats_in(left, "flight"));
    CHECK(seen_right == all_seats(40));
    CHECK(follows_left.run_once() == 80);
    CHECK(seen_left.size() == 40);
    CHECK(left.list("") == right.list(""));
  }

  static void all() {
    SECTION("cached: racers over two connections fill exactly") { cached_racers_fill_exactly(); }
    SECTION("cached: a command reads what is new, whoever stored it") { cached_reads_what_is_new(); }
    SECTION("context: what one stores never fails a command of another, cached or not") {
      contexts_never_fail_each_other();
    }
    SECTION("context: subscriptions of one name in two contexts follow their own") { contexts_are_followed_apart(); }
  }
};

}  // namespace must_test

// SPDX-License-Identifier: MIT
// as_of: states and events as they were at a position, at a version of a stream, and at a time.
#include "must/as_of.hpp"
#include "must/codec/json.hpp"
#include "must/model/projection.hpp"
#include "must/must.hpp"
#include "must/storage/cached.hpp"
#include "must/storage/context.hpp"
#include "must/storage/memory.hpp"
#include "must/testing/fixed_origin.hpp"

#include "support/catch.hpp"
#include "support/error_of.hpp"
#include "support/moved.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace {

using must::as_of;
using must_test::Moved;

struct Account {
  using events = must::events<Moved>;
  static constexpr int snapshot_every = 1;
  int balance = 0;
  void apply(const Moved& event) { balance += event.amount; }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Account, balance)

must::timestamp at(const char* text) { return must::timestamp::parse(text).value(); }

// Events at positions 1 to 5, a minute apart. Those of "a" are 1, 3 and 5.
struct five_events {
  must::testing::fixed_clock clock{"2026-01-01T00:00:00Z"};
  must::memory_store<> store{{.clock = &clock}};
  five_events() {
    for (const auto& event : {Moved{"a", 1}, Moved{"b", 2}, Moved{"a", 4}, Moved{"b", 8}, Moved{"a", 16}}) {
      must::append(store, event);
      clock.advance(std::chrono::minutes(1));
    }
  }
  auto of_a(const as_of& moment) { return must::load(store, must::stream<Account>("a"), moment); }
};

template <typename Store>
int sum_of(Store& store, const as_of& moment) {
  int sum = 0;
  for (const auto& one : must::events_in<Moved>(store, moment)) sum += one.template as<Moved>()->amount;
  return sum;
}

}  // namespace

TEST_CASE_METHOD(five_events, "as_of: a state is loaded as of each position", "[core]") {
  const std::vector<int> expected{0, 1, 1, 5, 5, 21};
  for (must::position which = 0; which < expected.size(); ++which) {
    const auto then = of_a(as_of::position(which));
    CHECK(then.state.balance == expected[which]);
    CHECK(then.seen == which);
  }
  const auto why = must_test::error_of<must::position_ahead>([&] { of_a(as_of::position(6)); });
  CHECK(why.field == "as_of");
  CHECK(why.expected == 6);
  CHECK(why.actual == 5);
}

TEST_CASE_METHOD(five_events, "as_of: a state is loaded as of each version of its stream", "[core]") {
  const std::vector<int> expected{0, 1, 5, 21};
  for (int which = 0; which < 4; ++which) {
    const auto then = of_a(as_of::version(which));
    CHECK(then.state.balance == expected[static_cast<std::size_t>(which)]);
    CHECK(then.version == which);
  }
  CHECK(of_a(as_of::version(2)).seen == 3);
  for (const int beyond : {4, 1'000}) {
    const auto why = must_test::error_of<must::bad_input>([&] { of_a(as_of::version(beyond)); });
    CHECK(why.field == "as_of");
    CHECK(why.stream == "a");
    CHECK(why.expected == static_cast<unsigned>(beyond));
    CHECK(why.actual == 3);
  }
  CHECK_THROWS_AS(must::load(store, must::stream<Account>("nobody"), as_of::version(1)), must::bad_input);
  CHECK_THROWS_AS(must::load(store, must::tagged<Account>("t"), as_of::version(1)), must::bad_input);
  CHECK_THROWS_AS(must::events_in<Moved>(store, as_of::version(1)), must::bad_input);
}

TEST_CASE_METHOD(five_events, "as_of: a time is that at which the store recorded the events", "[core]") {
  CHECK(of_a(as_of::time(at("2025-12-31T23:59:59Z"))).state.balance == 0);
  CHECK(of_a(as_of::time(at("2026-01-01T00:00:00Z"))).state.balance == 1);
  CHECK(of_a(as_of::time(at("2026-01-01T00:01:59Z"))).state.balance == 1);
  CHECK(of_a(as_of::time(at("2026-01-01T00:02:00Z"))).state.balance == 5);
  CHECK(of_a(as_of::time(at("2126-01-01T00:00:00Z"))).state.balance == 21);
  // The program says another time; it does not count.
  must::cloud_event early{.id = "early", .source = "/import", .type = "moved", .subject = "a"};
  early.time = at("1999-01-01T00:00:00Z");
  early.data = must::codec<Moved>::encode(Moved{"a", 32});
  static_cast<void>(store.append(std::span(&early, 1), {}).value());
  CHECK(of_a(as_of::time(at("2000-01-01T00:00:00Z"))).state.balance == 0);
  CHECK(of_a(as_of::time(at("2026-01-01T00:05:00Z"))).state.balance == 53);
}

TEST_CASE_METHOD(five_events, "as_of: a clock that goes back puts no event before one that was recorded", "[core]") {
  clock.advance(std::chrono::hours(-24));
  must::append(store, Moved{"a", 32});  // recorded at the time of the event before, 00:04
  clock.advance(std::chrono::hours(48));
  must::append(store, Moved{"a", 64});
  CHECK(of_a(as_of::time(at("2025-12-31T12:00:00Z"))).state.balance == 0);
  CHECK(of_a(as_of::time(at("2026-01-01T00:03:59Z"))).state.balance == 5);
  CHECK(of_a(as_of::time(at("2026-01-01T00:04:00Z"))).state.balance == 53);
  CHECK(of_a(as_of::time(at("2026-01-03T00:00:00Z"))).state.balance == 117);
}

TEST_CASE_METHOD(five_events, "as_of: events_in reads what was there", "[core]") {
  CHECK(sum_of(store, as_of::position(0)) == 0);
  CHECK(sum_of(store, as_of::position(4)) == 15);
  CHECK(sum_of(store, as_of::time(at("2026-01-01T00:01:00Z"))) == 3);
  CHECK(must::events_in(store, must::query::of_stream("a"), as_of::version(2)).size() == 2);
  CHECK(must::events_in(store, must::query::all(), as_of::position(5)).size() == 5);
  CHECK_THROWS_AS(must::events_in(store, must::query::all(), as_of::position(6)), must::position_ahead);
}

TEST_CASE_METHOD(five_events, "as_of: a projection is folded up to a time, and then on", "[core]") {
  auto sums = must::projection<Account>(store, "sums");
  CHECK(sums.run_once(as_of::time(at("2026-01-01T00:02:30Z"))) == 3);
  CHECK(sums.state().balance == 7);
  CHECK(sums.run_once() == 5);
  CHECK(sums.state().balance == 31);
  CHECK_THROWS_AS(sums.run_once(as_of::time(at("2026-01-01T00:00:00Z"))), must::bad_input);
  auto of_b = must::projection<Account>(store, "of b", must::query::of_stream("b"));
  CHECK(of_b.run_once(as_of::version(1)) == 2);
  CHECK(of_b.state().balance == 2);
}

TEST_CASE_METHOD(five_events, "as_of: what is kept of later states is not used, and is not replaced", "[core]") {
  must::cached kept(store);
  CHECK(must::load(kept, must::stream<Account>("a")).state.balance == 21);  // kept, and a snapshot
  CHECK(must::load(kept, must::stream<Account>("a"), as_of::version(2)).state.balance == 5);
  CHECK(of_a(as_of::version(1)).state.balance == 1);
  CHECK(must::load(kept, must::stream<Account>("a")).state.balance == 21);
  CHECK(must::load(store, must::stream<Account>("a")).state.balance == 21);
}

TEST_CASE("as_of: a context and an empty store have moments of their own", "[core]") {
  must::testing::fixed_clock clock("2026-01-01T00:00:00Z");
  must::memory_store<> store({.clock = &clock});
  must::context sales(store, "sales");
  CHECK(must::load(store, must::stream<Account>("a"), as_of::position(0)).state.balance == 0);
  CHECK(must::load(store, must::stream<Account>("a"), as_of::time(clock.now())).seen == 0);
  for (int i = 0; i < 4; ++i) {
    must::append(store, Moved{"a", 100});
    must::append(sales, Moved{"a", 1});
    clock.advance(std::chrono::minutes(1));
  }
  CHECK(must::load(sales, must::stream<Account>("a"), as_of::position(5)).state.balance == 2);
  CHECK(must::load(sales, must::stream<Account>("a"), as_of::version(3)).state.balance == 3);
  CHECK(must::load(sales, must::stream<Account>("a"), as_of::time(at("2026-01-01T00:02:00Z"))).state.balance == 3);
}

TEST_CASE_METHOD(five_events, "as_of: what was loaded guards an append against everything since", "[core]") {
  const auto then = of_a(as_of::version(2));
  must::cloud_event next{.id = "next", .source = "/test", .type = "moved", .subject = "a"};
  next.data = must::codec<Moved>::encode(Moved{"a", 1});
  const auto done = store.append(std::span(&next, 1), {.query = must::query::of_stream("a"), .after = then.seen});
  REQUIRE_FALSE(done);
  CHECK(done.why().actual == 5);
}

// SPDX-License-Identifier: MIT
#include "must/codec/json.hpp"
#include "must/must.hpp"
#include "must/storage/memory.hpp"

#include "support/catch.hpp"
#include "support/shelf.hpp"

#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace {

struct Counted {
  static constexpr auto type = "counted";
  int amount;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Counted, amount)

enum class thrown { nothing, runtime_error, no_exception, bad_alloc };
void throw_now(thrown what) {
  if (what == thrown::runtime_error) throw std::runtime_error("of its own");
  if (what == thrown::no_exception) throw 42;
  if (what == thrown::bad_alloc) throw std::bad_alloc();
}

// A state whose own conversions throw what they are told to.
struct Count {
  using events = must::events<Counted>;
  static constexpr int snapshot_every = 1;
  static inline thrown at_read = thrown::nothing, at_write = thrown::nothing;
  int sum = 0;
  void apply(const Counted& event) { sum += event.amount; }
  friend void to_json(nlohmann::json& out, const Count& from) {
    throw_now(at_write);
    out = from.sum;
  }
  friend void from_json(const nlohmann::json& in, Count& to) {
    throw_now(at_read);
    to.sum = in.get<int>();
  }
};
struct Add {
  int amount;
  auto depends_on() const { return must::stream<Count>("count"); }
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  Counted be_translated_to_events() const { return {amount}; }
};
struct calm {
  calm() { Count::at_read = Count::at_write = thrown::nothing; }
};

struct Odd {
  static constexpr auto type = "odd";
  static inline thrown at_read = thrown::runtime_error;
  friend void to_json(nlohmann::json& out, const Odd&) { out = 1; }
  friend void from_json(const nlohmann::json&, Odd&) { throw_now(at_read); }
};
struct OldPrice {
  static constexpr auto type = "price";
  int amount;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(OldPrice, amount)
struct Price {
  static constexpr auto type = "price";
  static constexpr int schema_version = 2;
  using previous = OldPrice;
  int amount = 0;
  Price() = default;
  explicit Price(const OldPrice&) { throw std::runtime_error("no price of old"); }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Price, amount)

}  // namespace

TEST_CASE_METHOD(calm, "snapshot: one whose reading throws anything is thrown away and folded anew", "[model]") {
  must::memory_store<> store;
  static_cast<void>(must::process_command(Add{5}, store));
  static_cast<void>(must::process_command(Add{6}, store));
  REQUIRE(store.list("must/snapshot/").size() == 1);
  for (const auto what : {thrown::runtime_error, thrown::no_exception, thrown::bad_alloc}) {
    Count::at_read = what;
    CHECK(must::load(store, must::stream<Count>("count")).state.sum == 11);
    CHECK_NOTHROW(must::process_command(Add{0}, store));
  }
}

TEST_CASE_METHOD(calm, "snapshot: one whose writing throws anything leaves the command done", "[model]") {
  must::memory_store<> store;
  for (const auto what : {thrown::runtime_error, thrown::no_exception, thrown::bad_alloc}) {
    Count::at_write = what;
    CHECK_NOTHROW(must::process_command(Add{1}, store));
    CHECK_NOTHROW(must::load(store, must::stream<Count>("count")));
  }
  CHECK(store.head() == 3);
}

TEST_CASE("codec: what from_json or a conversion throws names the event, and a lack of memory is told as it is",
          "[model]") {
  must::memory_store<> store;
  must::append(store, Counted{1}, Odd{}, OldPrice{3});
  const auto all = must::events_in(store, must::query::all());
  const auto reason_of = [](auto&& read) {
    try {
      read();
    } catch (const must::codec_error& why) {
      CHECK(why.error().position.has_value());
      CHECK_FALSE(why.error().event_id.empty());
      return why.error().type.str() + ": " + why.error().message.substr(why.error().message.rfind(": ") + 2);
    }
    return std::string("nothing");
  };
  Odd::at_read = thrown::runtime_error;
  CHECK(reason_of([&] { static_cast<void>(all[1].as<Odd>()); }) == "odd: of its own");
  Odd::at_read = thrown::no_exception;
  CHECK(reason_of([&] { static_cast<void>(all[1].as<Odd>()); }) ==
        "odd: something was thrown that is no std::exception");
  Odd::at_read = thrown::bad_alloc;
  CHECK_THROWS_AS(all[1].as<Odd>(), std::bad_alloc);
  CHECK(reason_of([&] { static_cast<void>(all[2].as<Price>()); }) == "price: no price of old");
}

TEST_CASE("snapshot: a state that learns an event, or gets a member, is folded anew on every boundary", "[model]") {
  using namespace must_test;
  must::memory_store<> store;
  must::append(store, must_test::Counted{"a", 100}, Returned{"a", 30}, must_test::Counted{"a", 1});
  const auto check = [&](auto first, auto more_events, auto more_members) {
    CHECK(must::load(store, first).state.sum == 101);
    CHECK(must::load(store, first).state.sum == 101);
    CHECK(must::load(store, more_events).state.sum == 71);
    CHECK(must::load(store, more_members).state.last == 1);
    CHECK(must::load(store, more_members).state.sum == 71);
  };
  check(must::stream<as_it_was::Shelf>("a"), must::stream<with_an_event::Shelf>("a"),
        must::stream<with_a_member::Shelf>("a"));
  check(must::tagged<as_it_was::Shelf>("shelf:a"), must::tagged<with_an_event::Shelf>("shelf:a"),
        must::tagged<with_a_member::Shelf>("shelf:a"));
  check(must::every<as_it_was::Shelf>(), must::every<with_an_event::Shelf>(), must::every<with_a_member::Shelf>());
}

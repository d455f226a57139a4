// SPDX-License-Identifier: MIT
#include "must/one_of.hpp"

#include "must/must.hpp"
#include "must/storage/memory.hpp"
#include "support/catch.hpp"

#include <array>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

namespace {

struct Opened {
  std::string account;
};
struct alignas(64) Wide {
  std::array<char, 64> bytes{};
};
// Counts those that live, and throws when it is copied while told to.
struct Counted {
  static inline int alive = 0;
  static inline bool copies = true;
  Counted() { ++alive; }
  Counted(const Counted&) {
    if (!copies) throw std::runtime_error("no copy");
    ++alive;
  }
  Counted(Counted&&) noexcept { ++alive; }
  ~Counted() { --alive; }
};
using data = must::one_of<Opened, Wide, Counted>;

}  // namespace

TEST_CASE("one_of: it holds an event of one of its types, or nothing", "[core]") {
  CHECK_FALSE(data().has_value());
  CHECK_FALSE(data().visit([](const auto&) { FAIL("there is nothing to visit"); }));

  const data opened(Opened{"a1"});
  CHECK(opened.has_value());
  CHECK(opened.get<Opened>().account == "a1");
  CHECK(opened.get_if<Wide>() == nullptr);
  CHECK_THROWS_AS(opened.get<Wide>(), must::codec_error);

  std::string visited;
  CHECK(opened.visit([&](const auto& event) {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(event)>, Opened>) visited = event.account;
  }));
  CHECK(visited == "a1");
  static_assert(!std::is_constructible_v<data, int> && data::names<Wide> && !data::names<int>);
}

TEST_CASE("one_of: copies and moves are those of the event, aligned as it is, and each is destroyed once", "[core]") {
  {
    const data first{Counted()};
    data second(first);
    CHECK(Counted::alive == 2);
    data third(std::move(second));
    third = first;
    third = std::as_const(third);
    CHECK(third.get_if<Counted>() != nullptr);
    third = data(Opened{"a1"});
    CHECK(third.get<Opened>().account == "a1");
    third = data(Wide());
    CHECK(reinterpret_cast<std::uintptr_t>(third.get_if<Wide>()) % alignof(Wide) == 0);
  }
  CHECK(Counted::alive == 0);
}

TEST_CASE("one_of: a copy that throws changes nothing", "[core]") {
  {
    const data source{Counted()};
    data target(Opened{"a1"});
    Counted::copies = false;
    CHECK_THROWS_AS(target = source, std::runtime_error);
    CHECK_THROWS_AS(data(source), std::runtime_error);
    Counted::copies = true;
    CHECK(target.get<Opened>().account == "a1");
  }
  CHECK(Counted::alive == 0);
}

TEST_CASE("one_of: two are equal when they hold equal events of one type", "[core]") {
  using events = must::one_of<Opened, Wide>;
  CHECK(events() == events());
  CHECK(events(Opened{"a1"}) == events(Opened{"a1"}));
  CHECK_FALSE(events(Opened{"a1"}) == events(Opened{"a2"}));
  CHECK_FALSE(events(Opened{"a1"}) == events(Wide()));
  CHECK_FALSE(events(Opened{"a1"}) == events());
}

TEST_CASE("one_of: an event without data is refused by a store, which names the field", "[core]") {
  must::memory_store<Opened> store;
  must::basic_event<must::one_of<Opened>> empty;
  empty.id = "1";
  empty.source = "/must";
  empty.type = "Opened";
  try {
    static_cast<void>(store.append(std::span(&empty, 1), {}));
    FAIL("it was stored");
  } catch (const must::bad_input& why) {
    CHECK(why.error().field == "data");
  }
  CHECK(store.head() == 0);
}

// SPDX-License-Identifier: MIT
// memory_store: a comparison with a naive store, and what is special to it.
#include "must/storage/memory.hpp"

#include "must/must.hpp"
#include "must/testing/fixed_origin.hpp"
#include "must/testing/suite/differential.hpp"

#include "support/catch.hpp"

// The store of the example is the naive one: a vector and linear scans.
#define main custom_storage_main
#include "../../examples/custom_storage.cpp"
#undef main

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

struct Noted {
  int n = 0;
};
struct Written {
  std::string text;
};

struct Fragile {
  static inline int copies_left = -1;
  int n = 0;
  explicit Fragile(int value) : n(value) {}
  Fragile(const Fragile& other) : n(other.n) {
    if (copies_left == 0) throw std::runtime_error("no more copies");
    if (copies_left > 0) --copies_left;
  }
  Fragile& operator=(const Fragile&) = default;
  friend bool operator==(const Fragile&, const Fragile&) = default;
};

must::basic_event<must::one_of<Fragile>> fragile(std::string id) {
  must::basic_event<must::one_of<Fragile>> made{
      .id = std::move(id), .source = "/test", .type = "Fragile", .subject = "s", .data = Fragile(1)};
  made.tags = {"t"};
  return made;
}

}  // namespace

TEST_CASE("memory_store: random histories give the answers of a naive store", "[storage]") {
  struct both {
    std::unique_ptr<must::memory_store<>> left = std::make_unique<must::memory_store<>>();
    std::unique_ptr<vector_store> right = std::make_unique<vector_store>();
    auto& first() { return *left; }
    auto& second() { return *right; }
  };
  const auto data = [](std::uint64_t n) { return must::payload("text/plain", std::to_string(n)); };
  CHECK_NOTHROW(must::testing::suite::compare_histories<must::payload>(100, data, [] { return both(); }));
}

TEST_CASE("memory_store: an event that throws when it is copied leaves nothing behind", "[storage]") {
  must::memory_store<Fragile> store;
  for (int budget = 0; budget < 3; ++budget) {
    std::vector events{fragile("a"), fragile("b"), fragile("c")};
    Fragile::copies_left = budget;
    CHECK_THROWS_AS(store.append(std::span(events), {}), std::runtime_error);
    Fragile::copies_left = -1;
    CHECK(store.head() == 0);
    CHECK(store.version("s") == 0);
    CHECK_FALSE(store.find("/test", "a"));
    CHECK(events[0].id == "a");
    CHECK(events[2].tags.contains("t"));
  }
  std::vector events{fragile("a"), fragile("b"), fragile("c")};
  CHECK(store.append(std::span(events), {.query = must::query::of_tags({"t"})}).value() == must::appended{1, 3});
  CHECK(store.version("s") == 3);
}

TEST_CASE("memory_store: a batch in which an event throws keeps what its neighbours store", "[storage]") {
  must::memory_store<Fragile> store;
  auto first = fragile("a"), second = fragile("b"), third = fragile("c");
  using item = must::batch_item<must::one_of<Fragile>>;
  std::vector items{item{std::span(&first, 1), {}}, item{std::span(&second, 1), {}}, item{std::span(&third, 1), {}}};
  auto measured = fragile("z");
  Fragile::copies_left = 100;
  must::memory_store<Fragile> other;
  other.append(std::span(&measured, 1), {}).value();
  Fragile::copies_left = 100 - Fragile::copies_left;  // enough for the first event of the batch alone
  const auto done = store.append_batch(std::span(items));
  Fragile::copies_left = -1;
  CHECK(done[0]);
  REQUIRE_FALSE(done[1]);
  CHECK(done[1].error().message == "no more copies");
  REQUIRE(store.head() == 1);
  CHECK(must::events_in(store, must::query::all())[0].id == "a");
}

TEST_CASE("memory_store: a reader sees a batch whole or not at all", "[storage][race]") {
  must::memory_store<Noted> store;
  std::atomic<bool> done{false};
  std::jthread writer([&] {
    for (int n = 0; n < 2'000; ++n) must::append(store, Noted{n}, Noted{n}, Noted{n}, Noted{n}, Noted{n});
    done = true;
  });
  while (!done) {
    std::size_t count = 0;
    const auto read = store.read(must::query::of_types({"Noted"}), {}, [&](const auto&) { ++count; });
    REQUIRE(count == read.head);
    REQUIRE(read.head % 5 == 0);
    REQUIRE(store.head() % 5 == 0);
  }
}

TEST_CASE("memory_store: records are read where they lie, and never move", "[storage]") {
  must::memory_store<Written> store;
  std::vector<const must::recorded<must::one_of<Written>>*> places;
  must::append(store, Written{"first"});
  const auto place_of_first = [&] {
    const void* place = nullptr;
    static_cast<void>(store.read(must::query::all(), {.limit = 1}, [&](const auto& record) { place = &record; }));
    return place;
  };
  const auto* before = place_of_first();
  for (int n = 0; n < 5'000; ++n) must::append(store, Written{"more"});
  CHECK(place_of_first() == before);
}

TEST_CASE("memory_store: takes source, clock and ids from its origin", "[storage]") {
  must::testing::fixed_clock clock("2026-01-01T12:00:00Z");
  must::testing::counting_ids ids("n-");
  must::memory_store<Noted> store({.source = "/notes", .clock = &clock, .ids = &ids});
  must::append(store, Noted{1});
  clock.advance(must::duration(-5'000'000));
  must::append(store, Noted{2});
  const auto all = must::events_in(store, must::query::all());
  CHECK(all[0].id == "n-1");
  CHECK(all[0].source == "/notes");
  CHECK(all[0].time->to_string() == "2026-01-01T12:00:00Z");
  CHECK(all[1].time->to_string() == "2026-01-01T11:59:55Z");
  CHECK(all[1].recorded_at == all[0].recorded_at);
  CHECK_THROWS_AS(must::memory_store<Noted>({.source = ""}), must::bad_input);
}

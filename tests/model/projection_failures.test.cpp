// SPDX-License-Identifier: MIT
#include "must/model/projection.hpp"
#include "must/must.hpp"
#include "must/storage/kit/decorator.hpp"
#include "must/storage/memory.hpp"

#include "support/catch.hpp"

#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct Added {
  std::string to;
  int amount;
};
using store_type = must::memory_store<Added>;

// Changes itself before it throws.
struct Total {
  using events = must::events<Added>;
  static inline bool is_broken = true;
  int sum = 0;
  static std::string key_of(const Added& event) { return event.to; }
  void apply(const Added& event) {
    sum += event.amount;
    if (is_broken && event.amount == 10) throw std::runtime_error("ten is refused");
  }
};

struct broken_totals {
  broken_totals() { Total::is_broken = true; }
};

}  // namespace

TEST_CASE_METHOD(broken_totals, "projection: what an event changed before it threw is taken back", "[model]") {
  store_type store;
  must::append(store, Added{"a", 1}, Added{"a", 10}, Added{"a", 100});
  auto total = must::projection<Total>(store, "total");
  for (int tries = 0; tries < 3; ++tries) {
    CHECK_THROWS_WITH(total.run_once(), "ten is refused");
    CHECK(total.state().sum == 1);
    CHECK(total.scanned() == 1);
  }
  must::append(store, Added{"a", 1000});
  CHECK_THROWS_WITH(total.run_once(), "ten is refused");
  CHECK(total.state().sum == 1);

  Total::is_broken = false;
  CHECK(total.run_once() == 4);
  CHECK(total.state().sum == 1111);
}

TEST_CASE_METHOD(broken_totals, "projection: a key whose first event threw is not there", "[model]") {
  store_type store;
  must::append(store, Added{"a", 1}, Added{"b", 10});
  auto totals = must::projection<must::keyed<Total>>(store, "totals");
  for (int tries = 0; tries < 2; ++tries) {
    CHECK_THROWS_WITH(totals.run_once(), "ten is refused");
    totals.read([](const auto& state) {
      CHECK(state.size() == 1);
      CHECK(state.find("b") == nullptr);
      REQUIRE(state.find("a") != nullptr);
      CHECK(state.find("a")->sum == 1);
    });
  }
  must::keyed<Total> alone;
  CHECK_THROWS(alone.apply(Added{"c", 10}));
  CHECK(alone.size() == 0);
}

namespace {

// Fails every read but the first, as long as it is told to.
struct failing_reads : must::kit::decorator<store_type> {
  using decorator::decorator;
  must::append_result append(std::span<event> events, const must::append_condition& condition) {
    return storage().append(events, condition);
  }
  must::read_result read(const must::query& which, const must::read_options& options, auto&& visitor) {
    if (is_failing && options.until != must::read_options{}.until && options.limit != 1)
      must::raise({.code = must::error_code::storage_error, .message = "gone", .operation = "read"});
    return storage().read(which, options, visitor);
  }
  bool is_failing = true;
};

}  // namespace

TEST_CASE_METHOD(broken_totals, "projection: where the state cannot be folded anew it is empty, and says so",
                 "[model]") {
  store_type store;
  must::append(store, Added{"a", 1}, Added{"a", 10});
  failing_reads failing(store);
  auto total = must::projection<Total>(failing, "total");
  CHECK_THROWS_AS(total.run_once(), must::storage_error);
  CHECK(total.state().sum == 0);
  CHECK(total.scanned() == 0);
  failing.is_failing = false;
  Total::is_broken = false;
  CHECK(total.run_once() == 2);
  CHECK(total.state().sum == 11);
}

namespace {

struct Sent {
  std::string from, to;
  int amount;
};
struct Closed {
  std::string account;
};
struct Statement {
  using events = must::events<Sent, Closed>;
  int lines = 0;
  bool closed = false;
  static std::vector<std::string> key_of(const Sent& event) { return {event.from, event.to}; }
  static std::string key_of(const Closed& event) { return event.account; }
  void apply(const Sent&) { ++lines; }
  void apply(const Closed&) { closed = true; }
  [[nodiscard]] bool is_forgotten() const { return closed; }
};

}  // namespace

TEST_CASE("keyed: an event of several keys is applied to each once, and a key that is over is forgotten", "[model]") {
  must::memory_store<Sent, Closed> store;
  must::append(store, Sent{"a", "b", 5}, Sent{"b", "b", 1}, Closed{"a"}, Closed{"nobody"});
  auto statements = must::projection<must::keyed<Statement>>(store, "statements");
  statements.run_once();
  statements.read([](const auto& state) {
    CHECK(state.find("a") == nullptr);
    REQUIRE(state.find("b") != nullptr);
    CHECK(state.find("b")->lines == 2);
    CHECK(state.size() == 1);
  });
  must::append(store, Sent{"a", "c", 5});
  statements.run_once();
  statements.read([](const auto& state) {
    REQUIRE(state.find("a") != nullptr);
    CHECK(state.find("a")->lines == 1);
  });
}

TEST_CASE("projection: a state as of a position is folded no further, and does not go back", "[model]") {
  store_type store;
  must::append(store, Added{"a", 1}, Added{"a", 2}, Added{"a", 4}, Added{"a", 8});
  auto total = must::projection<Total>(store, "total");
  CHECK(total.run_once(must::as_of::position(2)) == 2);
  CHECK(total.state().sum == 3);
  CHECK_THROWS_AS(total.run_once(must::as_of::position(1)), must::bad_input);
  CHECK_THROWS_AS(total.run_once(must::as_of::position(5)), must::position_ahead);
  CHECK(total.state().sum == 3);
  CHECK(total.run_once(must::as_of::position(3)) == 3);
  CHECK(total.state().sum == 7);
  CHECK(total.run_once() == 4);
  CHECK(total.state().sum == 15);
}

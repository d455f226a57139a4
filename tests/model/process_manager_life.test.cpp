// SPDX-License-Identifier: MIT
#include "must/codec/json.hpp"
#include "must/model/process_manager.hpp"
#include "must/must.hpp"
#include "must/storage/kit/decorator.hpp"
#include "must/storage/memory.hpp"
#include "must/testing/crashing_store.hpp"
#include "must/testing/fixed_origin.hpp"

#include "stores/sqlite.hpp"
#include "support/catch.hpp"
#include "support/notes.hpp"

#include <chrono>
#include <map>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <variant>
#include <vector>

namespace {

using must_test::Note;
using must_test::Noted;
using must_test::notes_in;
using must_test::Placed;

struct Shipped {
  static constexpr auto type = "shipped";
  std::string order;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Shipped, order)

struct Ship {
  std::string order;
  static constexpr auto be_authorized = must::anyone;
  void be_valid() const { must::ensure(!order.starts_with("bad"), "it cannot be shipped"); }
  Shipped be_translated_to_events() const { return {order}; }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Ship, order)

const must::subscription_options quick{.save_interval = must::duration(1'000), .lease = must::duration(20'000)};

template <typename P, typename Store>
void settle(Store& store, const std::string& name = "orders") {
  auto manager = must::process_manager<P>(store, name, quick);
  while (manager.run_once() < store.head()) {}
}
template <typename Store>
std::size_t count(Store& store, const char* type) {
  return must::events_in(store, must::query::of_types({type})).size();
}

// What the process managers of these tests have in common.
struct by_order {
  using events = must::events<Placed>;
  using starts = must::events<Placed>;
  using commands = must::commands<Ship, Note>;
  static std::string key_of(const auto& event) { return event.order; }
  void apply(const auto&) {}
};

struct ShipAndEnd : by_order {
  auto react(const Placed& event) const { return std::tuple(Ship{event.order}, must::end_process{}); }
  auto refused(const Ship& ship, const must::error& why) const { return Note{ship.order, std::string(why.rule)}; }
};
struct ShipAsLast : by_order {
  using ends = must::events<Placed>;
  auto react(const Placed& event) const { return Ship{event.order}; }
  auto refused(const Ship& ship, const must::error& why) const { return Note{ship.order, std::string(why.rule)}; }
};

}  // namespace

TEST_CASE("process_manager: refused is called for a command that the process has ended with", "[model]") {
  must::memory_store<> store;
  must::append(store, Placed{"bad"}, Placed{"good"});
  SECTION("by end_process") { settle<ShipAndEnd>(store); }
  SECTION("by an event of ends") { settle<ShipAsLast>(store); }
  CHECK(notes_in(store) == std::vector<std::string>{"bad: be_valid"});
  CHECK(count(store, "shipped") == 1);
}

TEST_CASE("process_manager: refused is called once after the end, whatever write a crash comes at", "[model]") {
  bool crashed = true;
  for (int at = 1; crashed; ++at) {
    REQUIRE(at < 60);
    crashed = false;
    for (const bool stored : {false, true}) {
      must::memory_store<> store;
      must::append(store, Placed{"bad"});
      must::testing::crashing_store failing(store);
      failing.crash_at(at, stored);
      try {
        settle<ShipAndEnd>(failing);
      } catch (const must::testing::crashed&) {
        crashed = true;
      }
      settle<ShipAndEnd>(store);
      INFO("write " << at << (stored ? ", stored" : ", not stored"));
      CHECK(notes_in(store) == std::vector<std::string>{"bad: be_valid"});
    }
  }
}

namespace {

struct Stubborn : by_order {
  auto react(const Placed& event) const { return Ship{event.order}; }
  auto refused(const Ship& ship, const must::error&) const { return ship; }
};
struct Restless : by_order {
  std::string order;
  void apply(const Placed& event) { order = event.order; }
  auto react(const Placed&) const { return must::process_deadline{"now", must::duration(0)}; }
  auto on_deadline(std::string_view) const { return must::process_deadline{"now", must::duration(0)}; }
};
// Both, after they were mended.
struct Calm : by_order {
  auto react(const Placed& event) const { return Ship{event.order}; }
  auto refused(const Ship& ship, const must::error&) const { return Note{ship.order, "given up"}; }
  auto on_deadline(std::string_view) const { return must::end_process{}; }
};

}  // namespace

TEST_CASE("process_manager: one that issues a refused command again and again is stopped, and says so", "[model]") {
  must::memory_store<> store;
  must::append(store, Placed{"bad"});
  for (int tries = 0; tries < 3; ++tries) {
    try {
      settle<Stubborn>(store);
      FAIL("it came to an end");
    } catch (const must::poison& why) {
      CHECK(why.error().message.find("\"bad\"") != std::string::npos);
      CHECK(why.error().stream == "process/orders/bad");
    }
    CHECK(count(store, must::process_decided::type) == 100);
  }
  settle<Calm>(store);
  CHECK(notes_in(store) == std::vector<std::string>{"bad: given up"});
}

TEST_CASE("process_manager: deadlines that are due at once are stopped after many in a row, and say so", "[model]") {
  must::testing::fixed_clock clock;
  must::memory_store<> store({.clock = &clock});
  must::append(store, Placed{"one"});
  for (int tries = 0; tries < 2; ++tries) {
    CHECK_THROWS_AS(settle<Restless>(store), must::poison);
    CHECK(count(store, must::process_decided::type) == 100);
  }
  settle<Calm>(store);
  CHECK(count(store, must::process_decided::type) == 101);
}

namespace {

// Sets a deadline of a microsecond, again and again: each is a new one.
struct Ticking : by_order {
  auto react(const Placed&) const { return must::process_deadline{"tick", must::duration(1)}; }
  auto on_deadline(std::string_view) const { return must::process_deadline{"tick", must::duration(1'000)}; }
};
// Issues many commands at once.
struct Talkative : by_order {
  static inline std::stop_source* stop_at_once = nullptr;
  auto react(const Placed& event) const {
    if (stop_at_once != nullptr) stop_at_once->request_stop();
    return std::vector<Note>(50, Note{event.order, "again"});
  }
};

}  // namespace

TEST_CASE("process_manager: a stop is obeyed while deadlines pass, and between two commands", "[model]") {
  must::memory_store<> store;
  must::append(store, Placed{"one"});
  SECTION("while deadlines pass") {
    auto manager = must::process_manager<Ticking>(store, "orders", quick);
    std::jthread follows([&](const std::stop_token& stop) { manager.run(stop); });
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (count(store, must::process_decided::type) < 5 && std::chrono::steady_clock::now() < patience)
      std::this_thread::yield();
    follows.request_stop();
    follows.join();
    CHECK(count(store, must::process_decided::type) >= 5);
  }
  SECTION("between two commands, of which each runs once") {
    std::stop_source stop;
    Talkative::stop_at_once = &stop;
    auto manager = must::process_manager<Talkative>(store, "orders", quick);
    manager.run(stop.get_token());
    CHECK(notes_in(store).empty());
    CHECK(count(store, must::process_decided::type) == 1);
    Talkative::stop_at_once = nullptr;
    settle<Talkative>(store);
    CHECK(notes_in(store).size() == 50);
  }
}

namespace {

// Counts the events that its reads visit.
struct counting_store : must::kit::decorator<must::memory_store<>> {
  using decorator::decorator;
  must::append_result append(std::span<event> events, const must::append_condition& condition) {
    return storage().append(events, condition);
  }
  must::read_result read(const must::query& which, const must::read_options& options, auto&& visitor) {
    return storage().read(which, options, [&](const auto& record) {
      ++visited;
      return visitor(record);
    });
  }
  std::size_t visited = 0;
};
struct Counting : by_order {
  int placed = 0;
  void apply(const Placed&) { ++placed; }
  auto react(const Placed& event) const { return Note{event.order, std::to_string(placed)}; }
};

}  // namespace

TEST_CASE("process_manager: what an event costs does not grow with the history of its process", "[model]") {
  must::memory_store<> store;
  counting_store counting(store);
  auto manager = must::process_manager<Counting>(counting, "orders", quick);
  std::vector<std::size_t> costs;
  for (int i = 0; i < 300; ++i) {
    must::append(store, Placed{"one"});
    counting.visited = 0;
    manager.run_once();
    if (i == 20 || i == 299) costs.push_back(counting.visited);
  }
  // A run of its own reads the process once; that is what grows here, by an event read, a decision and an outcome each.
  CHECK(costs[1] <= costs[0] + 3 * 280);

  for (int i = 0; i < 300; ++i) must::append(store, Placed{"one"});
  counting.visited = 0;
  manager.run_once();
  CHECK(counting.visited < 300 * 12 + 3 * 300);
  const auto notes = notes_in(store);
  REQUIRE(notes.size() == 600);
  CHECK(notes.back() == "one: 600");
}

namespace {

struct Twice : by_order {
  auto react(const Placed& event) const {
    return std::tuple(Ship{event.order}, must::process_deadline{"0", std::chrono::minutes(1)});
  }
  auto refused(const Ship& ship, const must::error&) const { return Note{ship.order, "refused"}; }
  std::string order;
  void apply(const Placed& event) { order = event.order; }
  auto on_deadline(std::string_view name) const { return Note{order, "deadline " + std::string(name)}; }
};

}  // namespace

TEST_CASE("process_manager: a deadline that is named like the number of a command fires", "[model]") {
  must::testing::fixed_clock clock;
  must::memory_store<> store({.clock = &clock});
  must::append(store, Placed{"bad"});
  settle<Twice>(store);
  clock.advance(std::chrono::minutes(2));
  settle<Twice>(store);
  settle<Twice>(store);
  CHECK(notes_in(store) == std::vector<std::string>{"bad: refused", "bad: deadline 0"});
}

TEST_CASE("process_manager: no two triggers, keys or managers are taken for one", "[model]") {
  must::memory_store<> store;
  // Joined by a blank, each pair is one text.
  const auto append_as = [&](const std::string& source, const std::string& id, const Placed& what) {
    must::cloud_event event{
        .id = id, .source = source, .type = Placed::type, .data = must::codec<Placed>::encode(what)};
    REQUIRE(store.append(std::span(&event, 1), {}).stored());
  };
  append_as("/a", "b 1", {"x"});
  append_as("/a b", "1", {"x"});
  must::append(store, Placed{"eu/17"}, Placed{"17"}, Placed{"k /s"}, Placed{"k"});
  settle<Counting>(store, "orders");
  settle<Counting>(store, "orders/eu");
  std::map<std::string, int> counts;
  for (const auto& note : notes_in(store)) ++counts[note];
  CHECK(counts == std::map<std::string, int>{
                      {"x: 1", 2}, {"x: 2", 2}, {"eu/17: 1", 2}, {"17: 1", 2}, {"k /s: 1", 2}, {"k: 1", 2}});
}

TEST_CASE("process_manager: what an earlier release has stored under its names goes on", "[model]") {
  must::testing::fixed_clock clock;
  must::memory_store<> store({.clock = &clock});
  const auto placed = must::append(store, Placed{"bad/17"}).last;
  const auto cause = must::events_in(store, must::query::all()).at(0);
  // Decided on the event, with a deadline; the command has not run.
  must::process_decided decided{.manager = "orders", .key = "bad/17", .trigger = cause.source + " " + cause.id};
  decided.position = placed;
  decided.commands = {{"Ship", must::codec<Ship>::encode({"bad/17"})}};
  decided.deadlines = {{"0", must::timestamp{clock.now().microseconds + 60'000'000}}};
  must::cloud_event event{.id = "d1",
                          .source = "/must",
                          .type = must::process_decided::type,
                          .subject = "process/orders/bad/17",
                          .data = must::codec<must::process_decided>::encode(decided)};
  event.tags = {"process:orders"};
  REQUIRE(store.append(std::span(&event, 1), {}).stored());

  settle<Twice>(store);
  CHECK(notes_in(store) == std::vector<std::string>{"bad/17: refused"});
  clock.advance(std::chrono::minutes(2));
  settle<Twice>(store);
  CHECK(notes_in(store) == std::vector<std::string>{"bad/17: refused", "bad/17: deadline 0"});
  settle<Twice>(store);
  CHECK(notes_in(store).size() == 2);
}

namespace {

// The release of before, and the one that adds a defaulted member and another event.
namespace before {
struct Pay {
  std::string order;
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  Shipped be_translated_to_events() const { return {order}; }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Pay, order)
struct Paying : by_order {
  using commands = must::commands<Pay>;
  auto react(const Placed& event) const { return Pay{event.order}; }
};
}  // namespace before
namespace after {
struct Pay {
  std::string order;
  std::string currency = "EUR";
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  Noted be_translated_to_events() const { return {order, currency}; }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Pay, order, currency)
struct Paying : by_order {
  using commands = must::commands<Pay>;
  auto react(const Placed& event) const { return Pay{event.order}; }
};
}  // namespace after
namespace strict {
struct Pay {
  std::string order, account;
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  Shipped be_translated_to_events() const { return {order}; }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Pay, order, account)
struct Paying : by_order {
  using commands = must::commands<Pay>;
  auto react(const Placed& event) const { return Pay{event.order, "a"}; }
};
}  // namespace strict
struct Forgetful : by_order {
  using commands = must::commands<Note>;
  auto react(const Placed&) const { return std::tuple(); }
};

template <typename Later>
void go_on_with(const std::string& source = "/must") {
  for (int at = 1;; ++at) {
    REQUIRE(at < 60);
    must::memory_store<> store;
    must::append(store, Placed{"one"});
    must::testing::crashing_store failing(store);
    failing.crash_at(at, true);
    try {
      settle<before::Paying>(failing);
    } catch (const must::testing::crashed&) {}
    if (count(store, "shipped") == 0) continue;
    REQUIRE(count(store, must::process_outcome::type) == 0);

    must::memory_store<> renamed({.source = source});
    for (auto& event : must::events_in(store, must::query::all())) {
      must::cloud_event copy = event;
      REQUIRE(renamed.append(std::span(&copy, 1), {}).stored());
    }
    settle<Later>(renamed);
    CHECK(count(renamed, "shipped") == 1);
    CHECK(count(renamed, "noted") == 0);
    CHECK(count(renamed, must::process_outcome::type) == 1);
    break;
  }
}

}  // namespace

TEST_CASE("process_manager: one that died before an outcome goes on after a release", "[model]") {
  SECTION("with a member more and another event") { go_on_with<after::Paying>(); }
  SECTION("with a member more that has no default") { go_on_with<strict::Paying>(); }
  SECTION("without the command") { go_on_with<Forgetful>(); }
  SECTION("with another source of the store") { go_on_with<before::Paying>("/renamed"); }
}

TEST_CASE("process_manager: deadlines outlive another source of the store", "[model]") {
  must::testing::fixed_clock clock;
  const must_test::temporary_folder folder;
  {
    must::sqlite_store store(must_test::on(folder.file()), {.source = "/must", .clock = &clock});
    must::append(store, Placed{"good"});
    settle<Twice>(store);
  }
  clock.advance(std::chrono::minutes(2));
  must::sqlite_store store(must_test::on(folder.file()), {.source = "/shop", .clock = &clock});
  settle<Twice>(store);
  settle<Twice>(store);
  CHECK(notes_in(store) == std::vector<std::string>{"good: deadline 0"});
  CHECK(count(store, "shipped") == 1);
}

namespace {

struct Timed : by_order {
  auto react(const Placed& event, const auto& record) const {
    return Note{event.order, "position " + std::to_string(record.position)};
  }
};
struct Waiting : by_order {
  auto react(const Placed& event) const {
    return std::tuple(must::process_deadline{"late", std::chrono::hours(1)}, Note{event.order, "waits"});
  }
  auto on_deadline(std::string_view) const { return Note{"", "late"}; }
};

}  // namespace

TEST_CASE("process_manager: react takes the record of the event where it wants it", "[model]") {
  must::memory_store<> store;
  must::append(store, Noted{"", ""}, Placed{"one"});
  settle<Timed>(store);
  CHECK(notes_in(store).back() == "one: position 2");
}

TEST_CASE("process_manager: the running instances are listed, and one is ended by hand", "[model]") {
  must::testing::fixed_clock clock;
  must::memory_store<> store({.clock = &clock});
  must::append(store, Placed{"a"}, Placed{"b/c"});
  auto manager = must::process_manager<Waiting>(store, "orders", quick);
  while (manager.run_once() < store.head()) {}
  auto running = manager.running();
  REQUIRE(running.size() == 2);
  CHECK(running[0].key == "a");
  CHECK(running[1].key == "b/c");
  CHECK(running[1].decisions == 1);
  REQUIRE(running[1].deadlines.size() == 1);
  CHECK(running[1].deadlines[0].name == "late");

  CHECK(manager.end("b/c"));
  CHECK_FALSE(manager.end("b/c"));
  CHECK_FALSE(manager.end("nobody"));
  CHECK(manager.running().size() == 1);
  must::append(store, Placed{"b/c"});
  clock.advance(std::chrono::hours(2));
  while (manager.run_once() < store.head()) {}
  CHECK(notes_in(store) == std::vector<std::string>{"a: waits", "b/c: waits", ": late"});
}

namespace {

struct Cancelled {
  static constexpr auto type = "cancelled";
  std::string order;
  [[nodiscard]] std::string stream() const { return "cancellations"; }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Cancelled, order)
struct Fragile {
  using events = must::events<Placed, Cancelled>;
  using starts = must::events<Placed>;
  using commands = must::commands<Note>;
  static inline bool is_broken = true;
  static std::string key_of(const auto& event) { return event.order; }
  void apply(const auto&) {}
  auto react(const Placed& event) const {
    if (is_broken && event.order == "one") throw std::runtime_error("broken");
    return Note{event.order, "placed"};
  }
  auto react(const Cancelled& event) const { return Note{event.order, "cancelled"}; }
};

}  // namespace

TEST_CASE("process_manager: an event waits behind a parked one of its instance, whatever its stream", "[model]") {
  must::memory_store<> store;
  Fragile::is_broken = true;
  auto parking = quick;
  parking.on_failure.then = must::failure_action::park;
  must::append(store, Placed{"one"}, Placed{"two"}, Cancelled{"one"}, Cancelled{"two"});
  auto manager = must::process_manager<Fragile>(store, "orders", parking);
  while (manager.run_once() < store.head()) {}
  CHECK(notes_in(store) == std::vector<std::string>{"two: placed", "two: cancelled"});
  REQUIRE(manager.parked().size() == 1);
  CHECK(manager.parked()[0].key == "one");

  Fragile::is_broken = false;
  manager.replay_parked();
  while (manager.run_once() < store.head()) {}
  CHECK(manager.parked().empty());
  CHECK(notes_in(store) == std::vector<std::string>{"two: placed", "two: cancelled", "one: placed", "one: cancelled"});
}

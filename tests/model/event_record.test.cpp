// SPDX-License-Identifier: MIT
// The record of an event, for the states and process managers that take it.
#include "must/codec/json.hpp"
#include "must/model/process_manager.hpp"
#include "must/model/projection.hpp"
#include "must/must.hpp"
#include "must/storage/cached.hpp"
#include "must/storage/memory.hpp"
#include "must/testing/fixed_origin.hpp"
#include "must/testing/given.hpp"

#include "support/catch.hpp"
#include "support/moved.hpp"
#include "support/notes.hpp"

#include <string>
#include <variant>
#include <vector>

namespace {

using must_test::Moved;
using must_test::Note;
using must_test::Noted;

struct Opened {
  static constexpr auto type = "opened";
  std::string stream;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Opened, stream)

// One of its events comes alone, the other with its record.
struct Account {
  using events = must::events<Opened, Moved>;
  static constexpr int snapshot_every = 2;
  int opened = 0, balance = 0;
  std::vector<std::string> log{};
  void apply(const Opened&) { ++opened; }
  void apply(const Moved& event, const must::event_record& record) {
    balance += event.amount;
    const auto by = record.extensions.find("by");
    log.push_back(std::to_string(record.position) + " " + std::to_string(record.version.value) + " " + record.stream +
                  " " + record.type + " " + record.id + " " + record.source + " " + record.time.value().to_string() +
                  " " + record.recorded_at.to_string() + " " + std::to_string(record.tags.size()) + " " +
                  (by == record.extensions.end() ? "nobody" : std::get<std::string>(by->second)));
  }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Account, opened, balance, log)

struct Move {
  std::string account;
  int amount;
  auto depends_on() const { return must::stream<Account>(account); }
  static constexpr auto be_authorized = must::anyone;
  void be_valid(const Account& state) const {
    must::ensure(state.log.size() < 3, state.log.empty() ? "" : state.log.front());
  }
  Moved be_translated_to_events() const { return {account, amount, {"a", "b"}}; }
};

// The same for each account, by value and by a template.
struct Statement {
  using events = must::events<Opened, Moved>;
  std::vector<must::position> at{};
  static std::string key_of(const Opened& event) { return event.stream; }
  static std::string key_of(const Moved& event) { return event.stream; }
  void apply(const auto&, must::event_record record) { at.push_back(record.position); }
};

struct Watch {
  using events = must::events<Opened>;
  using starts = events;
  using commands = must::commands<Note>;
  std::string seen{};
  static std::string key_of(const Opened& event) { return event.stream; }
  void apply(const Opened&, const must::event_record& record) { seen = record.id; }
  auto react(const Opened& event, const must::event_record& record) const {
    return Note{event.stream, seen + " at " + std::to_string(record.position)};
  }
};

const std::string fixed_time = "2026-01-01T00:00:00Z";

struct fixed_store {
  must::testing::fixed_clock clock{};
  must::testing::counting_ids ids{};
  must::memory_store<> store{{.clock = &clock, .ids = &ids}};
};

}  // namespace

TEST_CASE("event_record: a state gets the record of each event, from load, a command and its snapshot", "[model]") {
  fixed_store with;
  must::append(with.store, Opened{"bob"}, Opened{"ann"});
  for (int i = 0; i < 3; ++i) must::process_command(Move{"ann", 5}, with.store, must::metadata{{"by", "eve"}});
  const std::vector<std::string> expected{
      "3 2 ann moved 3 /must " + fixed_time + " " + fixed_time + " 2 eve",
      "4 3 ann moved 4 /must " + fixed_time + " " + fixed_time + " 2 eve",
      "5 4 ann moved 5 /must " + fixed_time + " " + fixed_time + " 2 eve",
  };
  CHECK_FALSE(with.store.list("").empty());  // a snapshot
  const auto now = must::load(with.store, must::stream<Account>("ann"));
  CHECK(now.state.log == expected);
  CHECK(now.state.opened == 1);
  CHECK(now.state.balance == 15);
  const auto refused = must::try_process_command(Move{"ann", 1}, with.store);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message == expected.front());
  must::cached kept(with.store);
  for (int i = 0; i < 2; ++i) CHECK(must::load(kept, must::stream<Account>("ann")).state.log == expected);
}

TEST_CASE("event_record: a store of structs and given give the same fields", "[model]") {
  must::testing::fixed_clock clock;
  must::testing::counting_ids ids;
  must::memory_store<Opened, Moved> store({.clock = &clock, .ids = &ids});
  const Moved moved{"ann", 5, {"a", "b"}};
  must::append(store, Opened{"bob"}, Opened{"ann"}, moved, moved, moved);
  const auto loaded = must::load(store, must::stream<Account>("ann"));
  REQUIRE(loaded.state.log.size() == 3);
  CHECK(loaded.state.log.front() == "3 2 ann moved 3 /must " + fixed_time + " " + fixed_time + " 2 nobody");
  must::testing::given(Opened{"bob"}, Opened{"ann"}, moved, moved, moved)
      .when(Move{"ann", 1})
      .then_refused<must::invalid>(loaded.state.log.front());
}

TEST_CASE("event_record: projections and keyed states get it", "[model]") {
  fixed_store with;
  must::append(with.store, Opened{"ann"}, Opened{"bob"}, Moved{"ann", 5});
  auto view = must::projection<must::keyed<Statement>>(with.store, "statements");
  CHECK(view.run_once() == 3);
  const auto state = view.state();
  REQUIRE(state.find("ann") != nullptr);
  CHECK(state.find("ann")->at == std::vector<must::position>{1, 3});
  CHECK(must::load(with.store, must::every<must::keyed<Statement>>()).state.find("bob")->at ==
        std::vector<must::position>{2});
}

TEST_CASE("event_record: a process manager gets it in apply and in react", "[model]") {
  fixed_store with;
  must::append(with.store, Noted{"", ""}, Opened{"ann"});
  auto manager = must::process_manager<Watch>(with.store, "watch");
  while (manager.run_once() < with.store.head()) {}
  const auto notes = must::events_in<Noted>(with.store);
  REQUIRE(notes.size() == 2);
  CHECK(notes.back().as<Noted>()->text == "2 at 2");
}

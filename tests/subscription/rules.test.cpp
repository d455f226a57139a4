// SPDX-License-Identifier: MIT
#include "must/codec/json.hpp"
#include "must/delivery/relay.hpp"
#include "must/must.hpp"
#include "must/storage/memory.hpp"
#include "must/testing/fixed_origin.hpp"

#include "cases/subscription.hpp"
#include "stores/memory.hpp"
#include "support/error_of.hpp"
#include "support/run_in_thread.hpp"

#include <set>

namespace {

using must_test::memory_fixture;
using cases = must_test::subscription_cases<memory_fixture>;
using positions = cases::positions;

struct PersonNamed {
  static constexpr auto type = "PersonNamed";
  static constexpr const char* former_types[] = {"NameGiven"};
  std::string name;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(PersonNamed, name)
};

// A handler of the user's own whose members have names that handlers of `must` give a meaning.
struct handler_with_members {
  void operator()(const cases::record& event) { seen->push_back(event.position); }
  std::string tick{"tock"};
  int batch = 7;
  static void begin_run() { throw std::runtime_error("nobody calls this"); }
  positions* seen;
};

// Takes any number of events at once, and counts its calls.
struct counting_delivery {
  void deliver(std::span<const cases::record* const> events, std::span<must::delivery_answer> answers) {
    ++calls;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // the next events gather meanwhile
    for (std::size_t i = 0; i < events.size(); ++i) {
      const bool fails = events[i]->subject == "bad";
      answers[i].outcome = fails ? must::delivery_outcome::poison : must::delivery_outcome::ok;
    }
  }
  int calls = 0;
};

// A store with transactions and two connections.
struct pooled_store : must::kit::decorator<must::memory_store<>> {
  using must::kit::decorator<must::memory_store<>>::decorator;
  using transaction = int;
  [[nodiscard]] std::size_t connections() const { return 2; }
  must::append_result append(std::span<event> events, const must::append_condition& condition) {
    return storage().append(events, condition);
  }
  must::append_result append_with(std::span<event> events, const must::append_condition& condition, const auto& work) {
    int in = 0;
    work(in);
    return storage().append(events, condition);
  }
  void with_transaction(const auto& work) {
    int in = 0;
    work(in);
  }
  bool put_with(std::string_view key, std::string_view bytes, std::uint64_t expected, const auto& work) {
    int in = 0;
    work(in);
    return storage().put(key, bytes, expected);
  }
};

}  // namespace

TEST_CASE("subscription: a typed handler gets the events of former names without a query", "[subscription]") {
  must::memory_store<> store;
  must::cloud_event old{.id = "1", .source = "/test", .type = "NameGiven"};
  old.data = must::payload("application/json", R"({"name":"ann"})");
  store.append(std::span(&old, 1), {}).value();
  must::append(store, PersonNamed{"bob"});
  std::vector<std::string> names;
  const auto handler = must::handler_of<PersonNamed>([&](const PersonNamed& event) { names.push_back(event.name); });
  must::subscription follows(store, "one", handler);
  CHECK(follows.run_once() == 2);
  CHECK(names == std::vector<std::string>{"ann", "bob"});
  const auto refused = [&](must::query which) {
    return must_test::error_of([&] { must::subscription made(store, "two", std::move(which), handler); });
  };
  CHECK(refused(must::query::of_types({"PersonNamed"})).message.find("NameGiven") != std::string::npos);
  CHECK(refused(must::query()).field == "query");
  must::subscription by_hand(store, "three", must::query::of_types({"PersonNamed", "NameGiven"}), handler);
  must::subscription by_tag(store, "four", must::query::of_tags({"t"}), handler);
}

TEST_CASE("subscription: members of a user's handler are the user's own affair", "[subscription]") {
  memory_fixture fixture;
  cases::add(fixture.store(), 3);
  positions seen;
  handler_with_members handler;
  handler.seen = &seen;
  must::subscription follows(fixture.store(), "one", cases::wanted(), handler);
  CHECK(follows.run_once() == 3);
  CHECK(seen == positions{1, 2, 3});
}

TEST_CASE("subscription: a handler that throws not_owner or history_changed loses no checkpoint", "[subscription]") {
  for (const auto code : {must::error_code::not_owner, must::error_code::history_changed}) {
    memory_fixture fixture;
    cases::add(fixture.store(), 5);
    positions seen;
    bool fails = true;
    must::subscription follows(
        fixture.store(), "one", cases::wanted(),
        [&](const cases::record& event) {
          if (event.position == 4 && fails) must::raise({.code = code, .message = "of another subscription"});
          seen.push_back(event.position);
        },
        cases::quick());
    CHECK(must_test::error_of([&] { follows.run_once(); }).code == code);
    CHECK(follows.health().saved == 3);
    fails = false;
    CHECK(follows.run_once() == 5);
    CHECK(seen == positions{1, 2, 3, 4, 5});
  }
}

TEST_CASE("subscription: a handler in transactions leaves a connection to what it asks", "[subscription]") {
  static_assert(must::TransactionalStorage<pooled_store>);
  must::memory_store<> store;
  pooled_store pooled(store);
  const auto make = [&](unsigned lanes) {
    must::subscription made(pooled, "one", must::query::all(), [](int&, const cases::record&) {}, {.lanes = lanes});
  };
  CHECK(must_test::error_of([&] { make(2); }).field == "lanes");
  CHECK_NOTHROW(make(1));
}

TEST_CASE("subscription: an event of a clock that is ahead hides no standstill", "[subscription][race]") {
  must::testing::fixed_clock clock;
  must::memory_store<> store({.clock = &clock});
  clock.advance(std::chrono::hours(24));
  cases::add(store, 2);
  clock.advance(-std::chrono::hours(24));
  auto how = cases::quick();
  how.stalled_after = std::chrono::milliseconds(20);
  std::atomic<bool> go_on{false};
  must::subscription follows(
      store, "one", cases::wanted(),
      [&](const cases::record&) {
        while (!go_on) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      },
      how);
  const std::jthread runs([&](const std::stop_token& stop) { follows.run(stop); });
  CHECK(must_test::soon([&] { return follows.health().stalled; }));
  go_on = true;
  CHECK(follows.wait_until(2, std::chrono::seconds(60)));
  CHECK(must_test::soon([&] { return !follows.health().stalled; }));
}

TEST_CASE("subscription: begins at the first event of a time", "[subscription]") {
  must::testing::fixed_clock clock;
  must::memory_store<> store({.clock = &clock});
  for (int i = 0; i < 9; ++i) {
    cases::add(store, 1);
    if (i % 3 == 2) clock.advance(std::chrono::seconds(10));
  }
  std::optional<must::timestamp> fourth;
  static_cast<void>(store.read(must::query::all(), {.after = 3, .limit = 1},
                               [&](const cases::record& event) { fourth = event.recorded_at; }));
  REQUIRE(fourth);
  const auto begins = [&](std::int64_t microseconds) {
    return must::start_at::time(must::timestamp{microseconds}).in(store) + 1;
  };
  CHECK(begins(fourth->microseconds) == 4);
  CHECK(begins(fourth->microseconds + 1) == 7);
  CHECK(begins(0) == 1);
  CHECK(begins(fourth->microseconds + 60'000'000) == 10);
  positions seen;
  must::subscription follows(store, "one", cases::wanted(), cases::collect(seen),
                             {.start = must::start_at::time(*fourth)});
  follows.run_once();
  CHECK(seen == positions{4, 5, 6, 7, 8, 9});
}

TEST_CASE("subscription: events without a key are handled by all lanes", "[subscription][race]") {
  must::memory_store<> store;
  for (int i = 0; i < 4; ++i) {
    must::cloud_event one{.id = std::to_string(i), .source = "/test", .type = "wanted"};
    store.append(std::span(&one, 1), {}).value();
  }
  std::atomic<int> inside{0}, alone{0};
  must::subscription follows(
      store, "one", must::query::all(),
      [&](const cases::record&) {
        ++inside;
        if (!must_test::soon([&] { return inside == 4; })) ++alone;
      },
      cases::quick(4));
  CHECK(follows.run_once() == 4);
  CHECK(alone == 0);
}

TEST_CASE("subscription: one parked event leaves the batches of other keys whole", "[subscription]") {
  memory_fixture fixture;
  auto& store = fixture.store();
  cases::add(store, 1, "wanted", "bad");
  cases::add(store, 1'000, "wanted", "good");
  counting_delivery delivery;
  must::relay_options how;
  how.batch = 100;
  how.following.on_failure.then = must::failure_action::park;
  auto relay = must::relay(store, "one", cases::wanted(), delivery, how);
  relay.run_once();
  CHECK(relay.parked().size() == 1);
  const auto first = std::exchange(delivery.calls, 0);
  CHECK(first < 300);
  cases::add(store, 1'000, "wanted", "good");
  cases::add(store, 1, "wanted", "bad");
  relay.run_once();
  CHECK(delivery.calls < 300);
  CHECK(relay.health().waiting_behind == 1);
}

TEST_CASE("subscription: an owner whose store takes its cells no more ends with what the store says",
          "[subscription][race]") {
  memory_fixture fixture;
  auto& store = fixture.store();
  cases::add(store, 40, "wanted", "a");
  struct refusing_store : must::kit::decorator<must::memory_store<>> {
    using must::kit::decorator<must::memory_store<>>::decorator;
    bool put(std::string_view key, std::string_view bytes, std::uint64_t expected) {
      if (refuses) must::raise({.code = must::error_code::storage_error, .message = "no cell is taken any more"});
      return storage().put(key, bytes, expected);
    }
    must::append_result append(std::span<event> events, const must::append_condition& condition) {
      return storage().append(events, condition);
    }
    std::atomic<bool> refuses{false};
  } refusing(store);
  auto how = cases::quick();
  how.lease = std::chrono::milliseconds(30);
  how.save_every = 1'000;
  how.save_interval = std::chrono::hours(1);
  must::subscription follows(
      refusing, "one", cases::wanted(),
      [&](const cases::record&) {
        refusing.refuses = true;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      },
      how);
  const auto why = must_test::error_of([&] { follows.run_once(); });
  CHECK(why.code == must::error_code::storage_error);
  CHECK(why.message == "no cell is taken any more");
}

TEST_CASE("subscription: an owner whose store is away handles nothing once its lease is over", "[subscription][race]") {
  memory_fixture fixture;
  auto& store = fixture.store();
  cases::add(store, 40, "wanted", "a");
  // The store takes no cell any more, and hangs, once the first event is handled.
  struct hanging_store : must::kit::decorator<must::memory_store<>> {
    using must::kit::decorator<must::memory_store<>>::decorator;
    bool put(std::string_view key, std::string_view bytes, std::uint64_t expected) {
      while (hangs) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      return storage().put(key, bytes, expected);
    }
    must::append_result append(std::span<event> events, const must::append_condition& condition) {
      return storage().append(events, condition);
    }
    std::atomic<bool> hangs{false};
  } hanging(store);
  auto how = cases::quick();
  how.lease = std::chrono::milliseconds(60);
  how.save_every = 1'000;
  std::mutex mutex;
  positions first_seen, second_seen;
  std::atomic<bool> taken{false}, repeated{false};
  must::subscription first(
      hanging, "one", cases::wanted(),
      [&](const cases::record& event) {
        hanging.hangs = true;
        if (taken) repeated = true;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        const std::lock_guard lock(mutex);
        first_seen.push_back(event.position);
      },
      how);
  std::optional<must::error> ended;
  auto runs = must_test::run_in_thread(first, ended);
  CHECK(must_test::soon([&] { return hanging.hangs.load(); }));
  auto patient = how;
  patient.standby = true;
  must::subscription second(
      store, "one", cases::wanted(),
      [&](const cases::record& event) {
        taken = true;
        second_seen.push_back(event.position);
      },
      patient);
  CHECK(second.run_once() == 40);
  CHECK(second_seen.size() == 40);
  std::size_t before = 0;
  {
    const std::lock_guard lock(mutex);
    before = first_seen.size();
  }
  CHECK(before < 40);
  hanging.hangs = false;
  CHECK(must_test::soon([&] { return !first.health().running; }));
  runs = {};
  REQUIRE(ended);
  CHECK(ended->code == must::error_code::not_owner);
  CHECK(first_seen.size() <= before + 1);
  CHECK_FALSE(repeated);
}

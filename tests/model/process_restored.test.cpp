// SPDX-License-Identifier: MIT
// Tests a process manager whose store is put back to an earlier copy under it.
#include "must/codec/json.hpp"
#include "must/model/process_manager.hpp"
#include "must/must.hpp"
#include "must/subscriptions.hpp"
#include "must/testing/fixed_origin.hpp"

#include "stores/restorable.hpp"
#include "support/catch.hpp"
#include "support/error_of.hpp"
#include "support/notes.hpp"

#include <chrono>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace must_test;

namespace {

// Greets when an hour has passed. While it reacts it does what it is told to.
struct Greeter : follows_order {
  static inline std::function<void()> meanwhile{};
  auto react(const Placed&) const {
    if (meanwhile) std::exchange(meanwhile, nullptr)();
    return must::process_deadline{"greet", std::chrono::hours(1)};
  }
  auto on_deadline(std::string_view) const { return Note{order, "greeted"}; }
};

struct greeted_place {
  greeted_place() { Greeter::meanwhile = nullptr; }
  ~greeted_place() { Greeter::meanwhile = nullptr; }
  greeted_place(const greeted_place&) = delete;
  greeted_place& operator=(const greeted_place&) = delete;

  void open(const std::string& id, const std::string& key) {
    must::cloud_event one{.id = id, .source = "/test", .type = Placed::type};
    one.data = must::codec<Placed>::encode(Placed{key});
    REQUIRE(place.store().append(std::span(&one, 1), {}).stored());
  }
  auto manager(must::failure_action then = must::failure_action::stop) {
    return must::process_manager<Greeter>(
        place.store(), "greeter",
        must::subscription_options{.on_failure = {.then = then}, .lease = must::duration(20'000)});
  }
  // Loses the event that it reacts to, and has another in its place.
  void replace_event() {
    place.restore(0);
    open("2", "b");
  }
  [[nodiscard]] must::error error_of_run(must::failure_action then = must::failure_action::stop) {
    auto follows = manager(then);
    return error_of<must::history_changed>([&] { follows.run_once(); });
  }
  std::vector<std::string> greeted() {
    std::vector<std::string> keys;
    for (const auto& event : must::events_in(place.store(), must::query::all()))
      if (const auto one = event.template as<Noted>()) keys.push_back(one->order);
    return keys;
  }

  must::testing::fixed_clock clock{};
  restorable_memory place{clock};
};

}  // namespace

TEST_CASE("process_manager: nothing is decided on an event that the store has lost meanwhile", "[model]") {
  for (const auto then : {must::failure_action::stop, must::failure_action::park, must::failure_action::skip}) {
    greeted_place here;
    here.place.save();
    here.open("1", "a");
    here.open("2", "b");
    Greeter::meanwhile = [&] { here.place.restore(0); };
    static_cast<void>(here.error_of_run(then));
    CHECK(here.place.store().head() == 0);
    CHECK(here.place.store().list("").empty());
  }
}

TEST_CASE("process_manager: an event that cannot be found again to be parked is told as a change of history",
          "[model]") {
  greeted_place here;
  here.place.save();
  here.open("1", "a");
  Greeter::meanwhile = [&] {
    here.replace_event();
    throw std::runtime_error("not now");
  };
  static_cast<void>(here.error_of_run(must::failure_action::park));
  CHECK(here.place.store().head() == 1);
}

TEST_CASE("process_manager: a decision on an event that is lost is not stored, though another is in its place",
          "[model]") {
  greeted_place here;
  here.place.save();
  here.open("1", "a");
  Greeter::meanwhile = [&] { here.replace_event(); };
  static_cast<void>(here.error_of_run());
  CHECK(here.place.store().head() == 1);
}

TEST_CASE("process_manager: a decision on an event that is lost is told, and never meant of the event in its place",
          "[model]") {
  greeted_place here;
  here.open("2", "b");
  must::append(here.place.store(), must::process_decided{.manager = "greeter",
                                                         .key = "a",
                                                         .on = must::process_decided::cause::event,
                                                         .trigger = must::stored_names::joined({"/test", "1"}),
                                                         .position = 1,
                                                         .deadlines = {{"greet", here.clock.now()}}});
  here.clock.advance(must::duration(1'000'000));
  const auto why = here.error_of_run();
  CHECK(why.stream == must::stored_names::process_stream("greeter", "a").now);
  CHECK(here.greeted().empty());
  auto follows = here.manager();
  CHECK(follows.end("a"));
  while (follows.run_once() < here.place.store().head()) {}
  here.clock.advance(must::duration(7'200'000'000));
  while (follows.run_once() < here.place.store().head()) {}
  CHECK(here.greeted() == std::vector<std::string>{"b"});
}

TEST_CASE("subscription: a store put back to when nobody followed is told as a change of history", "[model]") {
  must::testing::fixed_clock clock;
  restorable_memory place(clock);
  const auto add = [&](const std::string& id) {
    must::cloud_event one{.id = id, .source = "/test", .type = "noted", .subject = "s"};
    REQUIRE(place.store().append(std::span(&one, 1), {}).stored());
  };
  for (const char* id : {"1", "2", "3"}) add(id);
  must::subscription_options quick{.save_every = 1};
  must::subscription(place.store(), "one", must::query::all(), [](const auto&) {}, quick).run_once({}, 1);
  place.save();
  must::subscription follows(
      place.store(), "one", must::query::all(),
      [&](const auto& event) {
        if (event.id == "2") place.restore(0);
      },
      quick);
  CHECK_THROWS_AS(follows.run_once(), must::history_changed);
}

// SPDX-License-Identifier: MIT
#include "must/delivery/pubsub.hpp"

#include "must/append.hpp"
#include "must/delivery/relay.hpp"
#include "must/storage/memory.hpp"

#include "support/catch.hpp"

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

namespace {

using bus_type = must::pubsub<std::string, std::string>;
using box_type = must::mailbox<std::string>;
using texts = std::vector<std::string>;

texts taken(box_type& box) {
  std::vector<box_type::pointer> all;
  box.take(all);
  texts found;
  for (const auto& one : all) found.push_back(*one);
  return found;
}
must::pubsub_options<std::string> pool_of(std::size_t size) { return {.pool = size}; }

// Blocks a handler until it is let go.
struct gate {
  void pass() {
    inside = true;
    inside.notify_all();
    open.wait(false);
  }
  void wait_until_inside() { inside.wait(false); }
  void let_go() {
    open = true;
    open.notify_all();
  }
  std::atomic<bool> inside{false}, open{false};
};

struct Added {
  static constexpr auto type = "Added";
  int number;
};

}  // namespace

TEST_CASE("pubsub: the cases of Phoenix.PubSub's adapters hold with a pool of 1 and of 8", "[delivery]") {
  for (const std::size_t size : {std::size_t{1}, std::size_t{8}}) {
    auto options = pool_of(size);
    std::vector<std::tuple<std::string, std::string, std::string>> forwarded;
    options.node = "here";
    options.forward = [&](std::string_view node, std::string_view topic, const std::string& message) {
      forwarded.emplace_back(node, topic, message);
    };
    bus_type bus(options);
    box_type mine;
    DYNAMIC_SECTION("pool " << size << ": subscribe and unsubscribe") {
      CHECK(bus.subscribers("t") == 0);
      auto token = bus.subscribe("t", mine);
      CHECK(bus.subscribers("t") == 1);
      token.unsubscribe();
      CHECK(bus.subscribers("t") == 0);
    }
    DYNAMIC_SECTION("pool " << size << ": broadcast publishes a message to each subscriber") {
      box_type other;
      const auto first = bus.subscribe("t", mine), second = bus.subscribe("t", other);
      bus.broadcast("t", std::string("ping"));
      bus.broadcast("t", std::make_shared<const std::string>("pong"));
      CHECK(taken(mine) == texts{"ping", "pong"});
      CHECK(taken(other) == texts{"ping", "pong"});
    }
    DYNAMIC_SECTION("pool " << size << ": broadcast does not publish to subscribers of other topics") {
      const auto token = bus.subscribe("unknown", mine);
      std::vector<must::topic_subscription> others;
      for (int i = 0; i <= 10; ++i) others.push_back(bus.subscribe("t", [](const std::string&) {}));
      bus.broadcast("t", std::string("ping"));
      CHECK(mine.size() == 0);
    }
    DYNAMIC_SECTION("pool " << size << ": broadcast_from skips the sender") {
      box_type other;
      const auto first = bus.subscribe("t", mine), twice = bus.subscribe("t", mine), second = bus.subscribe("t", other);
      bus.broadcast_from(mine.id(), "t", std::string("ping"));
      CHECK(mine.size() == 0);
      CHECK(taken(other) == texts{"ping"});
    }
    DYNAMIC_SECTION("pool " << size << ": unsubscribing what is not subscribed does nothing") {
      must::topic_subscription none;
      none.unsubscribe();
      auto token = bus.subscribe("t", mine);
      token.unsubscribe();
      token.unsubscribe();
      CHECK(bus.subscribers("t") == 0);
    }
    DYNAMIC_SECTION("pool " << size << ": direct_broadcast sends to the given node") {
      const auto token = bus.subscribe("t", mine);
      bus.direct_broadcast("here", "t", std::string("ping"));
      CHECK(taken(mine) == texts{"ping"});
      CHECK(forwarded.empty());
    }
    DYNAMIC_SECTION("pool " << size << ": direct_broadcast to another node delivers nothing here") {
      const auto token = bus.subscribe("t", mine);
      bus.direct_broadcast("elsewhere", "t", std::string("ping"));
      CHECK(mine.size() == 0);
      CHECK(forwarded == std::vector{std::tuple<std::string, std::string, std::string>("elsewhere", "t", "ping")});
      bus_type alone(pool_of(size));
      const auto there = alone.subscribe("t", mine);
      alone.direct_broadcast("elsewhere", "t", std::string("ping"));
      CHECK(mine.size() == 0);
    }
    DYNAMIC_SECTION("pool " << size << ": local_broadcast sends to the current node") {
      const auto token = bus.subscribe("t", mine);
      bus.local_broadcast("t", std::string("ping"));
      CHECK(taken(mine) == texts{"ping"});
      CHECK(forwarded.empty());
    }
    DYNAMIC_SECTION("pool " << size << ": local_broadcast_from skips the sender") {
      const auto token = bus.subscribe("t", mine);
      bus.local_broadcast_from(mine.id(), "t", std::string("ping"));
      CHECK(mine.size() == 0);
    }
    DYNAMIC_SECTION("pool " << size << ": a dispatcher gets every entry with its metadata, and the sender") {
      const auto first = bus.subscribe("t", mine), second = bus.subscribe("t", mine, "special");
      std::vector<std::tuple<std::string, bool, std::string>> seen;
      const auto dispatch = [&](const bus_type::entry& entry, must::subscriber_id sender, const std::string& message) {
        seen.emplace_back(entry.metadata(), sender == entry.id(), message);
      };
      bus.broadcast("t", std::string("all"), dispatch);
      bus.broadcast_from(mine.id(), "t", std::string("from"), dispatch);
      bus.local_broadcast("t", std::string("local"), dispatch);
      bus.local_broadcast_from(mine.id(), "t", std::string("local from"), dispatch);
      using row = std::tuple<std::string, bool, std::string>;
      CHECK(seen == std::vector<row>{{"", false, "all"},
                                     {"special", false, "all"},
                                     {"", true, "from"},
                                     {"special", true, "from"},
                                     {"", false, "local"},
                                     {"special", false, "local"},
                                     {"", true, "local from"},
                                     {"special", true, "local from"}});
      CHECK(mine.size() == 0);
      CHECK(forwarded.size() == 2);
    }
  }
}

TEST_CASE("pubsub: what forward throws is thrown, and nothing is delivered here", "[delivery]") {
  must::pubsub_options<std::string> options;
  options.forward = [](auto, auto, auto&) { throw std::runtime_error("no network"); };
  must::pubsub<std::string> bus(options);
  box_type box;
  const auto token = bus.subscribe("t", box);
  CHECK_THROWS_AS(bus.broadcast("t", std::string("ping")), std::runtime_error);
  CHECK(box.size() == 0);
}

TEST_CASE("pubsub: a pool or a capacity out of range is refused", "[delivery]") {
  CHECK_THROWS_AS(bus_type(pool_of(0)), must::bad_input);
  CHECK_THROWS_AS(bus_type(pool_of(1'025)), must::bad_input);
  CHECK_THROWS_AS(box_type({.capacity = 0}), must::bad_input);
}

TEST_CASE("pubsub: a subscriber that throws keeps the message from no other", "[delivery]") {
  must::pubsub_options<int> options;
  std::vector<std::string> failures;
  const bool is_told = GENERATE(false, true);
  if (is_told)
    options.on_failure = [&](std::string_view topic, const std::exception_ptr& thrown) {
      try {
        std::rethrow_exception(thrown);
      } catch (const std::exception& why) {
        failures.push_back(std::string(topic) + ": " + why.what());
      }
    };
  must::pubsub<int> bus(options);
  int received = 0;
  const auto first = bus.subscribe("t", [](int) { throw std::runtime_error("one"); });
  const auto second = bus.subscribe("t", [](int) { throw std::logic_error("two"); });
  const auto third = bus.subscribe("t", [&](int value) { received += value; });
  if (is_told) {
    bus.broadcast("t", 1);
    CHECK(failures == texts{"t: one", "t: two"});
  } else {
    CHECK_THROWS_AS(bus.broadcast("t", 1), std::runtime_error);
  }
  CHECK(received == 1);
}

TEST_CASE("pubsub: a handler may subscribe, and unsubscribe itself and others, within the call", "[delivery]") {
  must::pubsub<int> bus;
  texts calls;
  must::topic_subscription first, second, late;
  first = bus.subscribe("t", [&](int) {
    calls.emplace_back("first");
    first.unsubscribe();
    second.unsubscribe();
    late = bus.subscribe("t", [&](int) { calls.emplace_back("late"); });
  });
  second = bus.subscribe("t", [&](int) { calls.emplace_back("second"); });
  bus.broadcast("t", 1);
  CHECK(calls == texts{"first"});
  bus.broadcast("t", 2);
  CHECK(calls == texts{"first", "late"});
  CHECK(bus.subscribers("t") == 1);
}

TEST_CASE("pubsub: what a handler broadcasts reaches a later subscriber first", "[delivery]") {
  must::pubsub<int> bus;
  std::vector<int> seen;
  const auto first = bus.subscribe("t", [&](int value) {
    if (value == 1) bus.broadcast("t", 2);
  });
  const auto second = bus.subscribe("t", [&](int value) { seen.push_back(value); });
  bus.broadcast("t", 1);
  CHECK(seen == std::vector{2, 1});
}

TEST_CASE("pubsub: unsubscribe waits for a call that runs in another thread, and for no other", "[delivery][race]") {
  must::pubsub<int> bus;
  gate blocked;
  std::atomic<bool> ended{false};
  auto slow = bus.subscribe("t", [&](int) {
    blocked.pass();
    ended = true;
  });
  auto next = bus.subscribe("t", [](int) {});
  std::jthread publisher([&] { bus.broadcast("t", 1); });
  blocked.wait_until_inside();
  next.unsubscribe();
  CHECK_FALSE(ended);
  auto done = std::async(std::launch::async, [&] {
    slow.unsubscribe();
    return ended.load();
  });
  while (bus.subscribers("t") > 0) std::this_thread::yield();
  CHECK(done.wait_for(std::chrono::milliseconds(20)) == std::future_status::timeout);
  blocked.let_go();
  CHECK(done.get());
}

TEST_CASE("pubsub: handlers that unsubscribe each other in two threads do not wait for ever", "[delivery][race]") {
  must::pubsub<int> bus;
  must::topic_subscription one, two;
  std::atomic<int> inside{0};
  const auto meet = [&] {
    ++inside;
    while (inside < 2) std::this_thread::yield();
  };
  one = bus.subscribe("one", [&](int) {
    meet();
    two.unsubscribe();
  });
  two = bus.subscribe("two", [&](int) {
    meet();
    one.unsubscribe();
  });
  {
    std::jthread first([&] { bus.broadcast("one", 1); });
    std::jthread second([&] { bus.broadcast("two", 1); });
  }
  CHECK(bus.subscribers("one") + bus.subscribers("two") == 0);
}

TEST_CASE("pubsub: no call begins after unsubscribe, while others broadcast", "[delivery][race]") {
  must::pubsub<int> bus;
  std::jthread publishers[2];
  for (auto& one : publishers)
    one = std::jthread([&](const std::stop_token& stop) {
      for (int i = 0; !stop.stop_requested(); ++i) bus.broadcast("t", i);
    });
  const auto stays = bus.subscribe("t", [](int) {});
  for (int round = 0; round < 2'000; ++round) {
    auto state = std::make_unique<std::atomic<int>>(0);  // gone when the subscription is: a late call would be seen
    auto token = bus.subscribe("t", [&](int) { ++*state; });
    token.unsubscribe();
    const int seen = *state;
    std::this_thread::yield();
    REQUIRE(*state == seen);
  }
}

TEST_CASE("pubsub: messages of one publisher arrive in their order, from many at once", "[delivery][race]") {
  constexpr int publishers = 4, each = 500;
  must::pubsub<std::pair<int, int>> bus;
  must::mailbox<std::pair<int, int>> box({.capacity = 16, .when_full = must::mailbox_policy::block});
  const auto token = bus.subscribe("t", box);
  std::vector<std::jthread> threads;
  for (int who = 0; who < publishers; ++who)
    threads.emplace_back([&, who] {
      for (int i = 0; i < each; ++i) bus.broadcast("t", std::pair(who, i));
    });
  std::vector<int> next(publishers, 0);
  for (int count = 0; count < publishers * each; ++count) {
    while (!box.wait(std::chrono::minutes(1))) FAIL("nothing came within a minute");
    const auto one = box.pop();
    REQUIRE(one->second == next[static_cast<std::size_t>(one->first)]++);
  }
  CHECK(box.dropped() == 0);
}

TEST_CASE("pubsub: a handler that blocks holds up its own publisher, and no other", "[delivery][race]") {
  must::pubsub<int> bus;
  gate blocked;
  std::vector<int> seen;
  const auto slow = bus.subscribe("t", [&](int value) {
    if (value == 1) blocked.pass();
  });
  const auto other = bus.subscribe("t", [&](int value) {
    if (value != 1) seen.push_back(value);
  });
  std::jthread publisher([&] { bus.broadcast("t", 1); });
  blocked.wait_until_inside();
  bus.broadcast("t", 2);
  bus.broadcast("elsewhere", 3);
  auto late = bus.subscribe("t", [&](int value) { seen.push_back(10 * value); });
  bus.broadcast("t", 4);
  late.unsubscribe();
  CHECK(seen == std::vector{2, 4, 40});
  blocked.let_go();
}

TEST_CASE("mailbox: it may end, be closed and be unsubscribed while messages are on their way", "[delivery][race]") {
  const auto policy =
      GENERATE(must::mailbox_policy::drop_oldest, must::mailbox_policy::block, must::mailbox_policy::disconnect);
  must::pubsub<int> bus;
  must::mailbox<int> stays;
  const auto token = bus.subscribe("t", stays);
  std::jthread publishers[2];
  for (auto& one : publishers)
    one = std::jthread([&](const std::stop_token& stop) {
      for (int i = 0; !stop.stop_requested(); ++i) bus.broadcast("t", i);
    });
  std::vector<must::mailbox<int>::pointer> taken;
  for (int round = 0; round < 600; ++round) {
    must::topic_subscription outlives;
    must::mailbox<int> box({.capacity = 2, .when_full = policy});
    outlives = bus.subscribe("t", box);
    if (round % 3 == 0) box.close();
    if (round % 3 == 1) outlives.unsubscribe();
    box.take(taken);
    REQUIRE(taken.size() <= 2);
  }
  for (auto& one : publishers) one = {};
  bus.broadcast("t", 0);  // whichever ended while nobody broadcast is forgotten now
  CHECK(bus.subscribers("t") == 1);
}

TEST_CASE("mailbox: each policy does what it says when one more comes than fit", "[delivery]") {
  must::pubsub<std::string> bus;
  const auto send = [&](int count) {
    for (int i = 1; i <= count; ++i) bus.broadcast("t", std::to_string(i));
  };
  SECTION("drop_oldest") {
    box_type box({.capacity = 3, .when_full = must::mailbox_policy::drop_oldest});
    const auto token = bus.subscribe("t", box);
    send(10);
    CHECK(box.dropped() == 7);
    CHECK(*box.pop() == "8");
    CHECK(taken(box) == texts{"9", "10"});
    send(3);
    CHECK(taken(box) == texts{"1", "2", "3"});
  }
  SECTION("drop_newest") {
    box_type box({.capacity = 3, .when_full = must::mailbox_policy::drop_newest});
    const auto token = bus.subscribe("t", box);
    send(10);
    CHECK(box.dropped() == 7);
    CHECK(taken(box) == texts{"1", "2", "3"});
  }
  SECTION("disconnect") {
    box_type box({.capacity = 3, .when_full = must::mailbox_policy::disconnect});
    const auto token = bus.subscribe("t", box), elsewhere = bus.subscribe("u", box);
    send(4);
    CHECK_FALSE(box.is_open());
    CHECK(box.dropped() == 1);
    CHECK(bus.subscribers("t") == 0);
    CHECK(taken(box) == texts{"1", "2", "3"});
    bus.broadcast("u", std::string("late"));
    CHECK(bus.subscribers("u") == 0);
    CHECK_FALSE(box.wait(std::chrono::hours(1)));
  }
}

TEST_CASE("mailbox: a publisher that waits for room goes on when there is some, at close, and at unsubscribe",
          "[delivery][race]") {
  must::pubsub<std::string> bus;
  box_type box({.capacity = 1, .when_full = must::mailbox_policy::block});
  auto token = bus.subscribe("t", box);
  bus.broadcast("t", std::string("1"));
  std::atomic<bool> went_on{false};
  std::jthread publisher([&] {
    bus.broadcast("t", std::string("2"));
    went_on = true;
  });
  SECTION("room") {
    while (!went_on) static_cast<void>(box.pop());
    publisher.join();
    CHECK(box.dropped() == 0);
  }
  SECTION("close") {
    box.close();
    publisher.join();
    CHECK(taken(box) == texts{"1"});
    CHECK(bus.subscribers("t") == 0);
  }
  SECTION("unsubscribe") {
    token.unsubscribe();
    publisher.join();
    CHECK(taken(box) == texts{"1"});
    CHECK(box.is_open());
  }
}

TEST_CASE("mailbox: one that ends is unsubscribed, and its token may outlive it and the pubsub", "[delivery]") {
  must::topic_subscription token;
  {
    must::pubsub<std::string> bus;
    {
      box_type box;
      token = bus.subscribe("t", box);
    }
    bus.broadcast("t", std::string("ping"));
    CHECK(bus.subscribers("t") == 0);
    token = bus.subscribe("t", [](const std::string&) {});
  }
  token.unsubscribe();
}

TEST_CASE("mailbox: a wait ends with a message, with the time, and with a stop", "[delivery][race]") {
  must::pubsub<std::string> bus;
  box_type box;
  const auto token = bus.subscribe("t", box);
  CHECK_FALSE(box.wait(std::chrono::milliseconds(1)));
  {
    std::jthread publisher([&] { bus.broadcast("t", std::string("ping")); });
    CHECK(box.wait(std::chrono::minutes(1)));
  }
  CHECK(taken(box) == texts{"ping"});
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  CHECK_FALSE(box.wait(std::chrono::hours(1), stop.get_token()));
}

TEST_CASE("pubsub: a relay sends again what a subscriber threw at, and topic_of says where to", "[delivery]") {
  using message = must::recorded<must::payload>;
  must::memory_store<> store;
  for (int i = 0; i < 4; ++i) {
    must::cloud_event one{
        .id = std::to_string(i), .source = "/test", .type = "n", .subject = "s" + std::to_string(i % 3)};
    static_cast<void>(store.append(std::span(&one, 1), {}));
  }
  must::pubsub_options<message> options;
  options.topic_of = [](const message& event) { return event.subject; };
  must::pubsub<message> bus(options);
  std::vector<must::position> seen;
  const auto token = bus.subscribe("s0", [&](const message& event) {
    seen.push_back(event.position);
    if (seen.size() == 1) throw std::runtime_error("not now");
  });
  auto relay = must::relay(store, "relay", must::query::all(), bus,
                           {.batch = 10, .following = {.on_failure = {.attempts = 3, .delay = must::duration{1}}}});
  CHECK(relay.run_once() == 4);
  CHECK(seen == std::vector<must::position>{1, 1, 4});
}

TEST_CASE("pubsub: a relay delivers an event again that a subscriber threw on, though on_failure was told",
          "[delivery]") {
  using message = must::recorded<must::payload>;
  must::memory_store<> store;
  for (int i = 0; i < 3; ++i) {
    must::cloud_event event{
        .id = std::to_string(i), .source = "/test", .type = "t", .data = must::payload("application/json", "1")};
    static_cast<void>(store.append(std::span(&event, 1), {}));
  }
  int told = 0;
  must::pubsub_options<message> options;
  options.on_failure = [&](std::string_view, const std::exception_ptr&) { ++told; };
  must::pubsub<message> bus(options);
  std::vector<must::position> handled;
  int left = 2;
  const auto token = bus.subscribe("t", [&](const message& event) {
    if (event.position == 2 && left-- > 0) throw std::runtime_error("not now");
    handled.push_back(event.position);
  });
  for (const std::size_t batch : {1U, 10U}) {
    handled.clear();
    left = 2;
    told = 0;
    auto relay =
        must::relay(store, "relay" + std::to_string(batch), must::query::all(), bus,
                    {.batch = batch, .following = {.on_failure = {.attempts = 3, .delay = must::duration{1}}}});
    CHECK(relay.run_once() == 3);
    CHECK(handled == std::vector<must::position>{1, 2, 3});
    CHECK(told == 2);
  }
  left = 3;
  auto stops = must::relay(store, "stops", must::query::all(), bus,
                           {.following = {.on_failure = {.attempts = 3, .delay = must::duration{1}}}});
  CHECK_THROWS_AS(stops.run_once(), must::storage_error);
}

TEST_CASE("pubsub: a relay that waits for room in a mailbox ends at a stop, and delivers the event in its next run",
          "[delivery][race]") {
  using store_type = must::memory_store<Added>;
  using record = must::recorded<store_type::data_type>;
  store_type store;
  for (int i = 1; i <= 3; ++i) must::append(store, Added{i});
  must::pubsub<record> bus;
  must::mailbox<record> box({.capacity = 1, .when_full = must::mailbox_policy::block});
  const auto here = bus.subscribe("Added", box);
  auto relay = must::relay(store, "relay", must::query::all(), bus);
  {
    std::jthread running([&](const std::stop_token& stop) { relay.run(stop); });
    CHECK(box.wait(must::duration(60'000'000)));
  }
  std::vector<must::position> got;
  const auto take = [&] {
    while (const auto one = box.pop()) got.push_back(one->position);
  };
  take();
  std::jthread running([&](const std::stop_token& stop) { relay.run(stop); });
  while ((got.empty() || got.back() < 3) && box.wait(must::duration(60'000'000))) take();
  CHECK(got == std::vector<must::position>{1, 2, 3});
}

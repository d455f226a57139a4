// SPDX-License-Identifier: MIT
#include "must/delivery/stage.hpp"

#include "must/must.hpp"
#include "must/storage/memory.hpp"

#include "cases/reactive_streams.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

struct Counted {
  std::string stream;
  int value;
};
using store_type = must::memory_store<Counted>;
using source_type = must::store_source<store_type>;
using record = source_type::value_type;

int value_of(const record& event) { return event.data.get<Counted>().value; }
void fill(store_type& store, int count) {
  for (int i = 0; i < count; ++i) must::append(store, Counted{"s" + std::to_string(i % 3), i});
}
auto numbers_below(int count) {
  return must::function_source(
      [next = 0, count]() mutable -> std::optional<int> {
        if (next == count) return std::nullopt;
        return next++;
      },
      must::repeatable);
}
std::vector<int> numbers(int count, int step = 1) {
  std::vector<int> all;
  for (int i = 0; i < count; i += step) all.push_back(i);
  return all;
}

auto failing_numbers(int count) { return must_test::failing_source(numbers_below(count + 1), count); }
int is_odd(int value) { return value % 2; }

struct function_fixture {
  static constexpr bool is_multicast = true;
  auto producer(int count) { return must::broadcast_producer(numbers_below(count)); }
  auto failing_producer(int count) { return must::broadcast_producer(failing_numbers(count)); }
};
struct shared_fixture {
  static constexpr bool is_multicast = false;
  auto producer(int count) { return must::demand_producer(numbers_below(count)); }
  auto failing_producer(int count) { return must::demand_producer(failing_numbers(count)); }
};
struct partition_fixture {
  static constexpr bool is_multicast = true;  // of a partition each subscriber gets all
  static auto odd(auto from) {
    return must::partition_producer(std::move(from), 2,
                                    [](int value) { return static_cast<std::size_t>(is_odd(value)); })[1];
  }
  auto producer(int count) { return odd(numbers_below(2 * count)); }
  auto failing_producer(int count) { return odd(failing_numbers(2 * count)); }
};
struct transformed_fixture {
  static constexpr bool is_multicast = true;
  static auto same(auto from) {
    return must::broadcast_producer(
        must::transformed<int>(std::move(from), [](int value, auto&& give) { give(value); }));
  }
  auto producer(int count) { return same(numbers_below(count)); }
  auto failing_producer(int count) { return same(failing_numbers(count)); }  // passed on at once
};
struct store_fixture {
  static constexpr bool is_multicast = true;
  auto producer(int count) { return must::broadcast_producer(source(count)); }
  auto failing_producer(int count) {
    return must::broadcast_producer(must_test::failing_source(source(count + 1), count));
  }
  source_type source(int count) {
    store = std::make_unique<store_type>();
    fill(*store, count);
    return source_type(*store, must::query::all(), {.live = false});
  }
  std::unique_ptr<store_type> store{};
};

// What a consumer does with its subscription.
struct watched final : must::stage_subscription {
  void request(std::int64_t count) noexcept override { asked.push_back(count); }
  void cancel() noexcept override { is_cancelled = true; }
  bool poll(std::int64_t more, must::duration, const std::stop_token&) noexcept override {
    asked.push_back(more);
    return goes_on;
  }
  bool wait(must::duration, const std::stop_token&) noexcept override { return true; }
  std::vector<std::int64_t> asked{};
  bool is_cancelled = false, goes_on = true;
};
// A producer of the test's own.
struct by_hand {
  using value_type = int;
  void subscribe(const std::shared_ptr<must::stage_subscriber<int>>& made) const {
    *to = made;
    made->on_subscribe(one);
  }
  std::shared_ptr<watched> one = std::make_shared<watched>();
  std::shared_ptr<std::shared_ptr<must::stage_subscriber<int>>> to =
      std::make_shared<std::shared_ptr<must::stage_subscriber<int>>>();
};

// What a relay would deliver, in one batch.
struct delivered_fixture {
  static constexpr bool is_multicast = false;
  struct offered {
    explicit offered(int count) {
      fill(store, count);
      store.read(must::query::all(), {}, [&](const record& event) { events.push_back(event); });
      for (const auto& event : events) batch.push_back(&event);
      stages.subscribe(waits);
      if (count > 0)
        thread = std::jthread([this] {
          std::vector<must::delivery_answer> answers(batch.size());
          stages.deliver(batch, answers);
        });
      while (count > 0 && stages.waiting() == 0) std::this_thread::yield();
      stages.close();
    }
    ~offered() { waits->subscription->cancel(); }
    store_type store{};
    std::vector<record> events{};
    std::vector<const record*> batch{};
    must::stage_delivery<record> stages{};
    std::shared_ptr<must_test::probe<record>> waits = std::make_shared<must_test::probe<record>>();
    std::jthread thread{};
  };
  const must::stage_delivery<record>& producer(int count) {
    return all.emplace_back(std::make_unique<offered>(count))->stages;
  }
  std::vector<std::unique_ptr<offered>> all{};
};

}  // namespace

TEMPLATE_TEST_CASE("stage: every producer obeys Reactive Streams", "[delivery][race]", function_fixture, shared_fixture,
                   partition_fixture, transformed_fixture, store_fixture, delivered_fixture) {
  must_test::check_reactive_streams<TestType>();
}

TEST_CASE("stage: a source that fails sends on_error, after what it gave", "[delivery]") {
  const auto from = must::broadcast_producer(must::function_source(
      [next = 0]() mutable -> std::optional<int> {
        if (next == 2) throw std::runtime_error("broken");
        return next++;
      },
      must::repeatable));
  const auto one = std::make_shared<must_test::probe<int>>();
  from.subscribe(one);
  one->request(5);
  CHECK(one->received == 2);
  REQUIRE(one->why != nullptr);
  CHECK_THROWS_AS(std::rethrow_exception(one->why), std::runtime_error);
}

TEST_CASE("stage: a producer that is gone does not end what it began, a subscriber that is gone ends it",
          "[delivery]") {
  auto one = std::make_shared<must_test::probe<int>>();
  {
    const auto from = must::broadcast_producer(numbers_below(5));
    from.subscribe(one);
  }
  one->request(3);
  CHECK(one->received == 3);
  const auto held = one->subscription;
  one.reset();
  held->request(1);
  CHECK_FALSE(held->poll(0, must::duration{1}, {}));
}

TEST_CASE("stage: a consumer asks again when min_demand is left, and gets no more than max_demand", "[delivery]") {
  int handled = 0;
  auto handler = [&](int) { ++handled; };
  must::detail::stage::consumer_link<int, decltype(handler)> link(handler, {.max_demand = 10, .min_demand = 2});
  const auto first = std::make_shared<watched>(), second = std::make_shared<watched>();
  link.on_subscribe(first);
  link.on_subscribe(second);
  CHECK(second->is_cancelled);  // rule 2.5
  CHECK_FALSE(first->is_cancelled);
  CHECK(link.poll(must::duration{1}, {}));
  for (int i = 0; i < 7; ++i) link.on_next(i);
  CHECK(first->asked == std::vector<std::int64_t>{10});
  link.on_next(7);
  CHECK(first->asked == std::vector<std::int64_t>{10, 8});
  CHECK(handled == 8);
}

TEST_CASE("consumer: it obeys the rules of Reactive Streams for subscribers", "[delivery]") {
  int handled = 0;
  const by_hand from;
  auto consumer = must::make_consumer<int>([&](int) { ++handled; });
  consumer.subscribe_to(from, {.max_demand = 10});
  auto& subscriber = **from.to;
  SECTION("required_spec201_mustSignalDemandViaSubscriptionRequest") {
    CHECK(from.one->asked.empty());
    from.one->goes_on = false;
    consumer.run();
    CHECK(from.one->asked == std::vector<std::int64_t>{10});
  }
  SECTION("required_spec203_mustNotCallMethodsOnSubscriptionOrPublisherInOnComplete, OnError") {
    subscriber.on_complete();
    subscriber.on_error(std::make_exception_ptr(std::runtime_error("broken")));
    CHECK(from.one->asked.empty());
    CHECK_FALSE(from.one->is_cancelled);
  }
  SECTION(
      "required_spec205_mustCallSubscriptionCancelIfItAlreadyHasAnSubscriptionAndReceivesAnotherOnSubscribeSignal") {
    const auto another = std::make_shared<watched>();
    subscriber.on_subscribe(another);
    CHECK(another->is_cancelled);
    CHECK_FALSE(from.one->is_cancelled);
  }
  SECTION("untested_spec206_mustCallSubscriptionCancelIfItIsNoLongerValid") {
    const by_hand other;
    {
      must::make_consumer<int>([](int) {}).subscribe_to(other);
    }
    CHECK(other.one->is_cancelled);
  }
  SECTION("required_spec208_mustBePreparedToReceiveOnNextSignalsAfterHavingCalledSubscriptionCancel") {
    from.one->cancel();
    subscriber.on_next(1);
    CHECK(handled == 1);
  }
  SECTION("required_spec209_mustBePreparedToReceiveAnOnCompleteSignalWithPrecedingRequestCall, Without") {
    if (GENERATE(false, true)) from.one->request(1);
    from.one->goes_on = false;
    subscriber.on_complete();
    consumer.run();
    CHECK(handled == 0);
  }
  SECTION("required_spec210_mustBePreparedToReceiveAnOnErrorSignalWithPrecedingRequestCall, Without") {
    if (GENERATE(false, true)) from.one->request(1);
    from.one->goes_on = false;
    subscriber.on_error(std::make_exception_ptr(std::runtime_error("broken")));
    CHECK_THROWS_AS(consumer.run(), std::runtime_error);
  }
}

TEST_CASE("stage: a demand out of range is refused", "[delivery]") {
  auto consumer = must::make_consumer<int>([](int) {});
  const auto from = function_fixture{}.producer(1);
  for (const auto& bad : std::vector<must::demand_options>{{.max_demand = 0},
                                                           {.max_demand = -5},
                                                           {.max_demand = 10, .min_demand = 10},
                                                           {.max_demand = 10, .min_demand = -2}})
    CHECK_THROWS_AS(consumer.subscribe_to(from, bad), must::bad_input);
}

TEST_CASE("stage: a consumer handles everything, in order, whatever the demand", "[delivery]") {
  for (const std::int64_t most : {1, 2, 7, 1'000}) {
    store_type store;
    fill(store, 100);
    std::vector<int> seen;
    auto consumer = must::make_consumer<record>([&](const record& event) { seen.push_back(value_of(event)); });
    consumer.subscribe_to(must::broadcast_producer(source_type(store, must::query::all(), {.live = false})),
                          {.max_demand = most});
    consumer.run();
    CHECK(seen == numbers(100));
  }
}

TEST_CASE("stage: producer_consumer gives any number of events for one, within the demand", "[delivery]") {
  const must::broadcast_producer from(must::transformed<std::string>(numbers_below(4), [](int value, auto&& give) {
    for (int i = 0; i < value; ++i) give(std::to_string(value));
  }));
  const auto one = std::make_shared<must_test::probe<std::string>>();
  from.subscribe(one);
  one->request(2);
  CHECK(one->received == 2);
  one->request(2);
  CHECK(one->received == 4);
  one->request(10);
  CHECK(one->received == 6);
  CHECK(one->is_complete);
}

TEST_CASE("stage: consumers that share a source by demand handle each event once", "[delivery][race]") {
  store_type store;
  fill(store, 3'000);
  const must::demand_producer from(source_type(store, must::query::all(), {.live = false}));
  std::mutex mutex;
  std::vector<int> seen;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 3; ++i)
      threads.emplace_back([&, i] {
        auto consumer = must::make_consumer<record>([&](const record& event) {
          const std::lock_guard lock(mutex);
          seen.push_back(value_of(event));
        });
        consumer.subscribe_to(from, {.max_demand = 1 + 10 * i});
        consumer.run();
      });
  }
  std::sort(seen.begin(), seen.end());
  CHECK(seen == numbers(3'000));
}

TEST_CASE("stage: a slow partition holds up no other, and loses nothing", "[delivery][race]") {
  store_type store;
  fill(store, 1'000);
  const must::partition_producer parts(source_type(store, must::query::all()), 2, [](const record& event) {
    return static_cast<std::size_t>(value_of(event) % 2);
  });
  std::atomic<bool> open{false};
  std::atomic<int> slow_count{0}, fast_count{0};
  std::jthread slow([&](const std::stop_token& stop) {
    auto consumer = must::make_consumer<record>([&](const record& event) {
      open.wait(false);
      if (value_of(event) == 2 * slow_count) ++slow_count;
    });
    consumer.subscribe_to(parts[0], {.max_demand = 5});
    consumer.run(stop);
  });
  std::jthread fast([&](const std::stop_token& stop) {
    auto consumer = must::make_consumer<record>([&](const record& event) {
      if (value_of(event) == 2 * fast_count + 1) ++fast_count;
    });
    consumer.subscribe_to(parts[1]);
    consumer.run(stop);
  });
  const auto wait_for = [](const std::atomic<int>& count, int until) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (count < until && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    return count.load();
  };
  CHECK(wait_for(fast_count, 500) == 500);
  CHECK(slow_count == 0);
  must::append(store, Counted{"late", 1'000}, Counted{"late", 1'001});  // live
  CHECK(wait_for(fast_count, 501) == 501);
  open = true;
  open.notify_all();
  CHECK(wait_for(slow_count, 501) == 501);
}

TEST_CASE("stage: a partition that there is none of is bad_input, none at all passes the event over", "[delivery]") {
  const must::partition_producer parts(numbers_below(10), 2, [](int value) -> std::optional<std::size_t> {
    if (value % 3 == 0) return std::nullopt;
    return value == 8 ? 7 : 0;
  });
  CHECK_THROWS_AS(parts[2], must::bad_input);
  std::vector<int> seen;
  auto consumer = must::make_consumer<int>([&](int value) { seen.push_back(value); });
  consumer.subscribe_to(parts[0]);
  CHECK_THROWS_AS(consumer.run(), must::bad_input);
  CHECK(seen == std::vector{1, 2, 4, 5, 7});
}

TEST_CASE("GS4 stage: the end of a producer means what the cancel mode says", "[delivery]") {
  const bool fails = GENERATE(false, true);
  const auto mode = GENERATE(must::cancel_mode::permanent, must::cancel_mode::transient, must::cancel_mode::temporary);
  const auto ends = must::broadcast_producer(must::function_source(
      [fails]() -> std::optional<int> {
        if (fails) throw std::runtime_error("broken");
        return std::nullopt;
      },
      must::repeatable));
  store_type store;
  int told = 0, handled = 0;
  std::stop_source stop;
  auto consumer = must::make_consumer<int>([&](int) {
    if (++handled == 2'000) stop.request_stop();
  });
  must::demand_options options{.cancel = mode};
  options.on_end = [&](const std::exception_ptr& why) {
    ++told;
    CHECK((why != nullptr) == fails);
  };
  consumer.subscribe_to(ends, options);
  consumer.subscribe_to(must::broadcast_producer(numbers_below(1'000'000)), {.max_demand = 10});
  if (fails && mode != must::cancel_mode::temporary)
    CHECK_THROWS_AS(consumer.run(stop.get_token()), std::runtime_error);
  else
    consumer.run(stop.get_token());
  CHECK(told == 1);
  const bool goes_on = mode == must::cancel_mode::temporary || (mode == must::cancel_mode::transient && !fails);
  CHECK((handled == 2'000) == goes_on);  // the stop is obeyed at once
}

TEST_CASE("stage: a stop ends a run at once, while its source has more, and the next run goes on", "[delivery]") {
  const int last = GENERATE(1, 7, 2'000, 2'345);
  std::stop_source stop;
  std::vector<int> seen;
  auto consumer = must::make_consumer<int>([&](int value) {
    seen.push_back(value);
    if (static_cast<int>(seen.size()) == last) stop.request_stop();
  });
  consumer.subscribe_to(must::broadcast_producer(numbers_below(5'000)));
  consumer.run(stop.get_token());
  CHECK(seen == numbers(last));
  consumer.run();  // what was asked for and not given comes with the next run
  CHECK(seen == numbers(5'000));
}

TEST_CASE("stage: two producers that are never idle take turns of their max_demand", "[delivery]") {
  std::stop_source stop;
  std::vector<int> turns;
  auto consumer = must::make_consumer<int>([&](int value) {
    turns.push_back(value);
    if (turns.size() == 40) stop.request_stop();
  });
  for (const int sign : {1, -1})
    consumer.subscribe_to(
        must::broadcast_producer(must::function_source([sign] { return std::optional<int>(sign); }, must::repeatable)),
        {.max_demand = 4, .min_demand = 3});
  consumer.run(stop.get_token());
  REQUIRE(turns.size() == 40);
  CHECK(std::count(turns.begin(), turns.end(), 1) >= 16);
  CHECK(std::count(turns.begin(), turns.end(), -1) >= 16);
}

TEST_CASE("stage: what a handler throws ends run, and the event stays in the store", "[delivery]") {
  store_type store;
  fill(store, 5);
  std::vector<int> seen;
  const auto run = [&](bool fail) {
    auto consumer = must::make_consumer<record>([&](const record& event) {
      if (fail && value_of(event) == 2) throw std::runtime_error("not now");
      seen.push_back(value_of(event));
    });
    const auto after = static_cast<must::position>(seen.size());
    consumer.subscribe_to(
        must::broadcast_producer(source_type(store, must::query::all(), {.after = after, .live = false})));
    consumer.run();
  };
  CHECK_THROWS_AS(run(true), std::runtime_error);
  run(false);
  CHECK(seen == numbers(5));
}

namespace {

struct lost_source {
  using value_type = int;
  static constexpr bool is_repeatable = true;
  must::source_state pull(const auto&) { return must::source_state::idle; }
  void wait(must::duration, const std::stop_token&) { throw std::runtime_error("the store is away"); }
};

// Follows a store live by the producer that `make` makes of it, and ends at a stop.
template <typename T, typename Make>
void follow_live(Make&& make) {
  store_type store;
  std::atomic<int> handled{0};
  std::jthread follower([&](const std::stop_token& stop) {
    auto consumer = must::make_consumer<T>([&](const T&) {
      ++handled;
      handled.notify_all();
    });
    consumer.subscribe_to(make(source_type(store, must::query::all())));
    consumer.run(stop);
  });
  for (int i = 0; i < 3; ++i) {
    must::append(store, Counted{"s", i});
    handled.wait(i);
  }
  CHECK(handled == 3);
}

}  // namespace

TEST_CASE("stage: a consumer that waits for a live store ends at a stop", "[delivery][race]") {
  follow_live<record>([](source_type from) { return must::broadcast_producer(std::move(from)); });
  follow_live<record>([](source_type from) { return must::demand_producer(std::move(from)); });
  follow_live<int>([](source_type from) {
    return must::broadcast_producer(
        must::transformed<int>(std::move(from), [](const record& event, auto&& give) { give(value_of(event)); }));
  });
}

TEST_CASE("stage: a source that cannot be waited for ends the run with its failure", "[delivery]") {
  auto consumer = must::make_consumer<int>([](int) {});
  consumer.subscribe_to(must::broadcast_producer(lost_source{}));
  CHECK_THROWS_WITH(consumer.run(), "the store is away");
}

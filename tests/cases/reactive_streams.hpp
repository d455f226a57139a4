// SPDX-License-Identifier: MIT
// The rules of Reactive Streams 1.0.4 for a producer, under the names of its TCK.
#pragma once

#include "must/delivery/stage.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace must_test {

inline std::uint64_t number_of(int event) { return static_cast<std::uint64_t>(event); }
template <typename Data>
std::uint64_t number_of(const must::recorded<Data>& event) {
  return event.position;
}

// Counts the signals, and checks that they are serial and in their order.
template <typename T>
class probe final : public must::stage_subscriber<T> {
 public:
  std::function<void(probe&)> at_subscribe = [](probe&) {};
  std::function<void(probe&)> at_next = [](probe&) {};
  std::function<void(const T&)> at_event = [](const T&) {};

  void on_subscribe(std::shared_ptr<must::stage_subscription> to) override {
    const auto turn = enter();
    is_in_order = is_in_order && subscribed++ == 0 && received == 0 && !is_over();
    subscription = std::move(to);
    at_subscribe(*this);
  }
  void on_next(const T& event) override {
    const auto turn = enter();
    is_in_order = is_in_order && subscribed == 1 && !is_over();
    ++received;
    most_depth = std::max(most_depth, depth);
    at_event(event);
    at_next(*this);
  }
  void on_error(const std::exception_ptr& thrown) noexcept override {
    is_in_order = is_in_order && !is_over();
    why = thrown;
  }
  void on_complete() noexcept override {
    is_in_order = is_in_order && !is_over();
    is_complete = true;
  }
  [[nodiscard]] bool is_over() const { return is_complete || why != nullptr; }
  void request(std::int64_t count) { subscription->request(count); }

  std::shared_ptr<must::stage_subscription> subscription{};
  int subscribed = 0, depth = 0, most_depth = 0;
  std::int64_t received = 0;
  bool is_complete = false, is_in_order = true;
  std::exception_ptr why{};

 private:
  struct leave {
    probe* self;
    ~leave() { --self->depth; }
  };
  leave enter() {
    ++depth;
    return {this};
  }
};

// The last `count` events of a store, after storing them.
template <typename S>
auto stored_source(S& store, int count) {
  std::vector<must::cloud_event> events(static_cast<std::size_t>(count));
  const must::position head = store.head();
  for (auto& one : events) {
    one.id = must::uuid7_ids::instance().next(must::system_clock::instance().now());
    one.source = "/stage";
    one.type = "counted";
    one.data = must::payload("text/plain", "1");
  }
  if (count > 0) static_cast<void>(store.append(std::span<must::cloud_event>(events), {}));
  return must::store_source(store, must::query::all(), {.after = head, .live = false});
}

// A source that throws after some events of another.
template <must::Source From>
class failing_source {
 public:
  using value_type = typename From::value_type;
  static constexpr bool is_repeatable = true;

  failing_source(From from, int left) : from_(std::move(from)), left_(left) {}
  template <typename Take>
  must::source_state pull(Take&& take) {
    return from_.pull([&](const value_type& event) {
      if (left_-- == 0) throw std::runtime_error("broken");
      return take(event);
    });
  }
  void wait(must::duration timeout, const std::stop_token& stop) { from_.wait(timeout, stop); }

 private:
  From from_;
  int left_;
};

// The events of the store of a fixture, each to every subscriber.
template <typename Stored>
struct stored_producers {
  static constexpr bool is_multicast = true;
  auto producer(int count) { return must::broadcast_producer(stored_source(stored.store(), count)); }
  auto failing_producer(int count) {
    return must::broadcast_producer(failing_source(stored_source(stored.store(), count + 1), count));
  }
  Stored stored{};
};

// `Fixture::producer(count)` ends after that many events, `failing_producer(count)` throws; is_multicast says that each
// subscriber gets every event.
template <typename Fixture>
void check_reactive_streams() {
  Fixture fixture;
  using T = typename std::remove_cvref_t<decltype(fixture.producer(1))>::value_type;
  const auto subscribe = [&](int count, auto... prepare) {
    auto made = std::make_shared<probe<T>>();
    (prepare(*made), ...);
    fixture.producer(count).subscribe(made);
    return made;
  };

  SECTION("required_createPublisher1MustProduceAStreamOfExactly1Element, and 3") {
    for (const int count : {1, 3}) {
      const auto one = subscribe(count);
      one->request(100);
      CHECK(one->received == count);
      CHECK(one->is_complete);
    }
  }
  SECTION("required_spec101_subscriptionRequestMustResultInTheCorrectNumberOfProducedElements") {
    const auto one = subscribe(10);
    CHECK(one->received == 0);
    one->request(1);
    CHECK(one->received == 1);
    one->request(2);
    one->request(3);
    CHECK(one->received == 6);
    CHECK(one->is_in_order);
  }
  SECTION("required_spec102_maySignalLessThanRequestedAndTerminateSubscription") {
    const auto one = subscribe(3);
    one->request(10);
    CHECK(one->received == 3);
    CHECK(one->is_complete);
  }
  SECTION("stochastic_spec103_mustSignalOnMethodsSequentially") {
    const auto one = subscribe(2'000);
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] {
          for (int n = 0; n < 250; ++n) one->request(1);
        });
    }
    CHECK(one->received == 1'000);
    CHECK(one->is_in_order);
    CHECK(one->most_depth == 1);
  }
  if constexpr (requires { fixture.failing_producer(3); }) {
    SECTION("optional_spec104_mustSignalOnErrorWhenFails") {
      const auto one = std::make_shared<probe<T>>();
      fixture.failing_producer(3).subscribe(one);
      one->request(3);
      CHECK(one->received == 3);
      CHECK(one->why == nullptr);
      one->request(3);
      CHECK(one->received == 3);
      REQUIRE(one->why != nullptr);
      CHECK_THROWS_AS(std::rethrow_exception(one->why), std::runtime_error);
      CHECK_FALSE(one->is_complete);
      CHECK(one->is_in_order);
    }
  }
  SECTION("optional_spec105_emptyStreamMustTerminateBySignallingOnComplete") {
    const auto one = subscribe(0);
    one->request(1);
    CHECK(one->received == 0);
    CHECK(one->is_complete);
  }
  SECTION("required_spec105_mustSignalOnCompleteWhenFiniteStreamTerminates") {
    const auto one = subscribe(3);
    one->request(3);
    one->request(1);
    CHECK(one->received == 3);
    CHECK(one->is_complete);
    CHECK(one->why == nullptr);
  }
  SECTION("required_spec107_mustNotEmitFurtherSignalsOnceOnCompleteHasBeenSignalled") {
    const auto one = subscribe(1);
    one->request(10);
    REQUIRE(one->is_complete);
    one->request(10);
    one->request(0);
    CHECK_FALSE(one->subscription->poll(0, must::duration{1}, {}));
    CHECK(one->is_in_order);
    CHECK(one->why == nullptr);
  }
  SECTION("untested_spec106_mustConsiderSubscriptionCancelledAfterOnErrorOrOnCompleteHasBeenCalled") {
    const auto one = subscribe(1);
    one->request(2);
    REQUIRE(one->is_complete);
    one->subscription->cancel();
    one->subscription->request(1);
    CHECK_FALSE(one->subscription->poll(1, must::duration{1}, {}));
    CHECK(one->received == 1);
  }
  SECTION("untested_spec107_mustNotEmitFurtherSignalsOnceOnErrorHasBeenSignalled") {
    const auto one = subscribe(3);
    one->request(-1);
    REQUIRE(one->why != nullptr);
    const auto first = one->why;
    one->request(10);
    one->request(0);
    CHECK(one->received == 0);
    CHECK(one->why == first);
    CHECK(one->is_in_order);
  }
  SECTION("untested_spec108_possiblyCanceledSubscriptionShouldNotReceiveOnErrorOrOnCompleteSignals") {
    const auto one = subscribe(3);
    one->request(3);
    one->subscription->cancel();
    one->request(1);
    one->request(0);
    CHECK(one->received == 3);
    CHECK_FALSE(one->is_over());
  }
  SECTION("required_spec109_mustIssueOnSubscribeForNonNullSubscriber") {
    const auto one = subscribe(1);
    CHECK(one->subscribed == 1);
    CHECK(one->is_in_order);
  }
  SECTION("required_spec109_subscribeThrowNPEOnNullSubscriber") {
    CHECK_THROWS_AS(fixture.producer(1).subscribe(nullptr), must::bad_input);
  }
  SECTION("untested_spec109_subscribeShouldNotThrowNonFatalThrowable") {
    const auto one = subscribe(3, [](auto& made) { made.at_subscribe = [](auto&) { throw std::logic_error("no"); }; });
    one->request(1);
    CHECK(one->received == 0);
    REQUIRE(one->why != nullptr);
    CHECK_THROWS_AS(std::rethrow_exception(one->why), std::logic_error);
  }
  SECTION("optional_spec111_maySupportMultiSubscribe") {
    auto&& from = fixture.producer(10);
    const auto one = std::make_shared<probe<T>>(), two = std::make_shared<probe<T>>();
    from.subscribe(one);
    from.subscribe(two);
    one->request(3);
    two->request(4);
    CHECK(one->received == 3);
    CHECK(two->received == 4);
  }
  SECTION("optional_spec111_registeredSubscribersMustReceiveOnNextOrOnCompleteSignals") {
    auto&& from = fixture.producer(2);
    const auto one = std::make_shared<probe<T>>(), two = std::make_shared<probe<T>>();
    from.subscribe(one);
    from.subscribe(two);
    for (const auto& each : {one, two}) {
      each->request(10);
      CHECK(each->is_complete);
    }
    CHECK(one->received == 2);
    CHECK(two->received == (Fixture::is_multicast ? 2 : 0));
  }
  if constexpr (Fixture::is_multicast) {
    const auto check_same = [&](std::int64_t first, std::int64_t then) {
      auto&& from = fixture.producer(5);
      std::vector<std::shared_ptr<probe<T>>> all;
      std::vector<std::vector<std::uint64_t>> seen(3);
      for (auto& into : seen) {
        all.push_back(std::make_shared<probe<T>>());
        all.back()->at_event = [&into](const T& event) { into.push_back(number_of(event)); };
        from.subscribe(all.back());
      }
      for (const auto& one : all) one->request(first);
      for (int i = 0; i < 6 && then > 0; ++i)
        for (const auto& one : all) one->request(then);
      for (const auto& one : all) CHECK(one->is_complete == (first + 6 * then > 5));
      CHECK(seen[0].size() == 5);
      CHECK(seen[1] == seen[0]);
      CHECK(seen[2] == seen[0]);
    };
    SECTION(
        "optional_spec111_multicast_mustProduceTheSameElementsInTheSameSequenceToAllOfItsSubscribersWhenRequestingOneBy"
        "One") {
      check_same(1, 1);
    }
    SECTION(
        "optional_spec111_multicast_mustProduceTheSameElementsInTheSameSequenceToAllOfItsSubscribersWhenRequestingMany"
        "Upfront") {
      check_same(5, 0);
    }
    SECTION(
        "optional_spec111_multicast_mustProduceTheSameElementsInTheSameSequenceToAllOfItsSubscribersWhenRequestingMany"
        "UpfrontAndCompleteAsExpected") {
      check_same(10, 0);
    }
  }
  SECTION("required_spec213_aSubscriberThatThrowsGetsNothingMore") {
    const auto one = subscribe(10, [](auto& made) { made.at_next = [](auto&) { throw std::runtime_error("mine"); }; });
    one->request(5);
    CHECK(one->received == 1);
    REQUIRE(one->why != nullptr);
    CHECK_THROWS_AS(std::rethrow_exception(one->why), std::runtime_error);
  }
  SECTION("required_spec302_mustAllowSynchronousRequestCallsFromOnNextAndOnSubscribe") {
    const auto one = subscribe(10, [](auto& made) {
      made.at_subscribe = [](auto& self) {
        self.request(1);
        self.request(1);
      };
      made.at_next = [](auto& self) { self.request(1); };
    });
    CHECK(one->received == 10);
    CHECK(one->is_complete);
    CHECK(one->is_in_order);
  }
  SECTION("required_spec303_mustNotAllowUnboundedRecursion") {
    const auto one = subscribe(5'000, [](auto& made) { made.at_next = [](auto& self) { self.request(1); }; });
    one->request(1);
    CHECK(one->received == 5'000);
    CHECK(one->most_depth == 1);
  }
  SECTION("required_spec306_afterSubscriptionIsCancelledRequestMustBeNops") {
    const auto one = subscribe(10);
    one->subscription->cancel();
    one->request(1);
    one->request(0);
    CHECK(one->received == 0);
    CHECK_FALSE(one->is_over());
  }
  SECTION("required_spec307_afterSubscriptionIsCancelledAdditionalCancelationsMustBeNops") {
    const auto one = subscribe(10);
    for (int i = 0; i < 3; ++i) one->subscription->cancel();
    CHECK_FALSE(one->is_over());
  }
  SECTION("required_spec309_requestZeroMustSignalIllegalArgumentException, and NegativeNumber, with its message") {
    for (const std::int64_t count : {std::int64_t{0}, std::int64_t{-1}, std::numeric_limits<std::int64_t>::min()}) {
      const auto one = subscribe(10);
      one->request(count);
      CHECK(one->received == 0);
      REQUIRE(one->why != nullptr);
      try {
        std::rethrow_exception(one->why);
      } catch (const must::bad_input& why) {
        CHECK(why.error().field == "count");
        CHECK(why.error().message.find("a demand of " + std::to_string(count)) == 0);
        CHECK(why.error().message.find("3.9") != std::string::npos);
      }
    }
  }
  SECTION("required_spec309, within on_next and from another thread") {
    const auto one = subscribe(10, [](auto& made) { made.at_next = [](auto& self) { self.request(0); }; });
    one->request(10);
    CHECK(one->received == 1);
    CHECK(one->why != nullptr);
    const auto other = subscribe(10);
    std::jthread([&] { other->request(-1); }).join();
    CHECK(other->why != nullptr);
    CHECK(other->is_in_order);
  }
  SECTION("untested_spec311_requestMaySynchronouslyCallOnCompleteOrOnError, untested_spec316 and 315: none throws") {
    static_assert(noexcept(std::declval<must::stage_subscription&>().request(1)));
    static_assert(noexcept(std::declval<must::stage_subscription&>().cancel()));
    const auto one = subscribe(1);
    one->request(2);
    CHECK(one->is_complete);
  }
  SECTION("required_spec312_cancelMustMakeThePublisherToEventuallyStopSignaling") {
    const auto one = subscribe(10, [](auto& made) {
      made.at_next = [](auto& self) {
        if (self.received == 2) self.subscription->cancel();
      };
    });
    one->request(10);
    CHECK(one->received == 2);
    CHECK_FALSE(one->is_over());
  }
  SECTION("required_spec313_cancelMustMakeThePublisherEventuallyDropAllReferencesToTheSubscriber") {
    auto one = subscribe(10);
    one->request(1);
    const auto held = one->subscription;
    const std::weak_ptr<probe<T>> watched = one;
    held->cancel();
    one.reset();
    CHECK(watched.expired());
  }
  SECTION("required_spec317_mustSupportADemandUpToLongMaxValue") {
    const auto one = subscribe(10);
    one->request(std::numeric_limits<std::int64_t>::max());
    CHECK(one->received == 10);
    CHECK(one->is_complete);
  }
  SECTION("required_spec317_mustSupportACumulativePendingElementCountUpToLongMaxValue") {
    const auto one = subscribe(10, [](auto& made) {
      made.at_subscribe = [](auto& self) {
        for (int i = 0; i < 3; ++i) self.request(std::numeric_limits<std::int64_t>::max() / 2);
      };
    });
    CHECK(one->received == 10);
    CHECK(one->is_complete);
    CHECK(one->why == nullptr);
  }
  SECTION("required_spec317_mustNotSignalOnErrorWhenPendingAboveLongMaxValue") {
    const auto one = subscribe(10, [](auto& made) {
      made.at_next = [](auto& self) {
        for (int i = 0; i < 2; ++i) self.request(std::numeric_limits<std::int64_t>::max() - 1);
      };
    });
    one->request(1);
    CHECK(one->received == 10);
    CHECK(one->is_complete);
    CHECK(one->why == nullptr);
  }
}

}  // namespace must_test

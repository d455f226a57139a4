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
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace must_test {

// Counts the signals, and checks that they are serial and in their order.
template <typename T>
class probe final : public must::stage_subscriber<T> {
 public:
  std::function<void(probe&)> at_subscribe = [](probe&) {};
  std::function<void(probe&)> at_next = [](probe&) {};

  void on_subscribe(std::shared_ptr<must::stage_subscription> to) override {
    const auto turn = enter();
    is_in_order = is_in_order && subscribed++ == 0 && received == 0 && !is_over();
    subscription = std::move(to);
    at_subscribe(*this);
  }
  void on_next(const T&) override {
    const auto turn = enter();
    is_in_order = is_in_order && subscribed == 1 && !is_over();
    ++received;
    most_depth = std::max(most_depth, depth);
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
auto stored_producer(S& store, int count) {
  std::vector<must::cloud_event> events(static_cast<std::size_t>(count));
  const must::position head = store.head();
  for (auto& one : events) {
    one.id = must::uuid7_ids::instance().next(must::system_clock::instance().now());
    one.source = "/stage";
    one.type = "counted";
    one.data = must::payload("text/plain", "1");
  }
  static_cast<void>(store.append(std::span<must::cloud_event>(events), {}));
  return must::broadcast_producer(must::store_source(store, must::query::all(), {.after = head, .live = false}));
}

// `Fixture::producer(count)` ends after that many events.
template <typename Fixture>
void check_reactive_streams() {
  Fixture fixture;
  using T = typename decltype(fixture.producer(1))::value_type;
  const auto subscribe = [&](int count, auto... prepare) {
    auto made = std::make_shared<probe<T>>();
    (prepare(*made), ...);
    fixture.producer(count).subscribe(made);
    return made;
  };

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
  SECTION("required_spec109_mustIssueOnSubscribeForNonNullSubscriber") {
    const auto one = subscribe(1);
    CHECK(one->subscribed == 1);
    CHECK(one->is_in_order);
    CHECK_THROWS_AS(fixture.producer(1).subscribe(nullptr), must::bad_input);
  }
  SECTION("optional_spec111_maySupportMultiSubscribe") {
    const auto from = fixture.producer(10);
    const auto one = std::make_shared<probe<T>>(), two = std::make_shared<probe<T>>();
    from.subscribe(one);
    from.subscribe(two);
    one->request(3);
    two->request(4);
    CHECK(one->received == 3);
    CHECK(two->received == 4);
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
  SECTION("required_spec309_requestZeroMustSignalIllegalArgumentException") {
    for (const std::int64_t count : {std::int64_t{0}, std::int64_t{-1}, std::numeric_limits<std::int64_t>::min()}) {
      const auto one = subscribe(10);
      one->request(count);
      CHECK(one->received == 0);
      REQUIRE(one->why != nullptr);
      CHECK_THROWS_AS(std::rethrow_exception(one->why), must::bad_input);
    }
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
}

}  // namespace must_test

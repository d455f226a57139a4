// SPDX-License-Identifier: MIT
// Tests that a failure of the store is never taken for one of the handler, and what becomes of a commit without an
// answer.
#include "must/storage/kit/decorator.hpp"
#include "must/subscription.hpp"
#include "must/subscriptions.hpp"

#include "cases/subscription.hpp"
#include "stores/all.hpp"
#include "support/error_of.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

namespace {

// Fails when it is told to, before a transaction of a cell is begun or after it has ended.
template <typename S>
struct failing_store : must::kit::decorator<S> {
  using must::kit::decorator<S>::decorator;
  using typename must::kit::decorator<S>::event;

  must::append_result append(std::span<event> events, const must::append_condition& condition) {
    return this->storage().append(events, condition);
  }
  bool put(std::string_view key, std::string_view bytes, std::uint64_t expected) {
    return this->storage().put(key, bytes, expected);
  }
  bool put_with(std::string_view key, std::string_view bytes, std::uint64_t expected, const auto& work) {
    before();
    const bool done = this->storage().put_with(key, bytes, expected, work);
    after();
    return done;
  }
  must::append_result append_with(std::span<event> events, const must::append_condition& condition, const auto& work) {
    return this->storage().append_with(events, condition, work);
  }
  void with_transaction(const auto& work) { this->storage().with_transaction(work); }
  void append_batch(auto&&...) = delete;

  std::function<void()> before = [] {}, after = [] {};
};

[[noreturn]] void fail(must::error_code code) {
  must::raise({.code = code, .message = "the disk is gone", .operation = "put"});
}

// Four events in a store. Each counter is to count each of them once.
template <typename Store>
struct counted_events {
  using cases = must_test::subscription_cases<Store>;
  using store_type = typename must::testing::suite::store_of<Store>;
  static inline bool never = false;

  counted_events() { cases::add(fixture.store(), 4, "wanted", "a"); }

  // Returns a handler that counts in its transaction, and throws then while `fails`.
  auto counter(const std::string& name, const bool& fails = never) {
    for (int at = 1; at <= 4; ++at) expected[name + "/" + std::to_string(at)] = 1;
    return [this, name, &fails](typename store_type::transaction& in, const typename cases::record& event) {
      counts.add(in, name + "/" + std::to_string(event.position));
      if (fails) throw std::runtime_error("not now");
    };
  }
  auto failing() { return failing_store<store_type>(fixture.store()); }

  Store fixture{};
  const typename Store::counts counts{fixture};
  std::map<std::string, int> expected{};
};

// Shows another event in the place of one.
struct changed_store : must::kit::decorator<must::memory_store<>> {
  using must::kit::decorator<must::memory_store<>>::decorator;
  must::read_result read(const must::query& which, const must::read_options& options, const auto& visit) {
    return storage().read(which, options, [&](const must::recorded<must::payload>& one) {
      auto shown = one;
      if (one.position == changed) shown.id = "another";
      if constexpr (std::is_void_v<decltype(visit(shown))>) {
        visit(shown);
        return true;
      } else {
        return visit(shown);
      }
    });
  }
  must::append_result append(std::span<event> events, const must::append_condition& condition) {
    return storage().append(events, condition);
  }
  bool put(std::string_view key, std::string_view bytes, std::uint64_t expected) {
    return storage().put(key, bytes, expected);
  }
  void append_batch(auto&&...) = delete;
  must::position changed = 0;
};

}  // namespace

EACH_STORE_TEST_CASE(
    with_transactions,
    "subscription: a failure of each store in a transaction ends the run, and parks and skips no event",
    "[subscription]") {
  using cases = must_test::subscription_cases<Store>;
  counted_events<Store> events;
  for (const auto then : {must::failure_action::park, must::failure_action::skip})
    for (const unsigned attempts : {1U, 3U}) {
      const auto name = std::to_string(static_cast<int>(then)) + "/" + std::to_string(attempts);
      auto how = cases::quick();
      how.on_failure.then = then;
      how.on_failure.attempts = attempts;
      const auto handler = events.counter(name);
      auto failing = events.failing();
      int begun = 0;
      failing.before = [&] {
        if (++begun == 2) fail(must::error_code::storage_error);
      };
      how.save_every = 1;
      must::subscription follows(failing, name, cases::wanted(), handler, how);
      CHECK(must_test::error_of([&] { follows.run_once(); }).message == "the disk is gone");
      CHECK(follows.parked().empty());
      CHECK(follows.health().skipped == 0);
      CHECK(follows.run_once() == 4);
    }
  CHECK(events.counts.all() == events.expected);
}

EACH_STORE_TEST_CASE(with_transactions,
                     "subscription: a commit of each store that got no answer counts once and is never parked",
                     "[subscription]") {
  using cases = must_test::subscription_cases<Store>;
  counted_events<Store> events;
  for (const bool fails_again : {false, true})
    for (const bool is_stored : {false, true}) {
      const auto name = std::to_string(fails_again) + "/" + std::to_string(is_stored);
      auto how = cases::quick();
      how.save_every = 1;
      how.on_failure.then = must::failure_action::park;
      bool handler_fails = false;
      const auto handler = events.counter(name, handler_fails);
      auto failing = events.failing();
      int begun = 0;
      failing.before = [&] {
        handler_fails = ++begun == 3 && fails_again;
        if (begun == 2 && !is_stored) fail(must::error_code::outcome_unknown);
      };
      failing.after = [&] {
        if (begun == 2) fail(must::error_code::outcome_unknown);
      };
      must::subscription follows(failing, name, cases::wanted(), handler, how);
      if (fails_again && !is_stored) {
        CHECK(must_test::error_of([&] { follows.run_once(); }).code == must::error_code::outcome_unknown);
        CHECK(follows.parked().empty());
      }
      CHECK(follows.run_once() == 4);
      CHECK(follows.parked().empty());
    }
  CHECK(events.counts.all() == events.expected);
}

TEST_CASE("subscription: a parked event in whose place another stands is never handled, skipped or dropped for it",
          "[subscription]") {
  using cases = must_test::subscription_cases<must_test::memory_fixture>;
  must::memory_store<> kept;
  changed_store store(kept);
  cases::add(kept, 4, "wanted", "a");
  auto how = cases::quick();
  how.on_failure.then = must::failure_action::park;
  cases::positions seen;
  bool fails = true;
  const auto handler = [&](const cases::record& event) {
    if (fails && event.position == 2) throw std::runtime_error("bad");
    seen.push_back(event.position);
  };
  must::subscription follows(store, "one", cases::wanted(), handler, how);
  follows.run_once();
  fails = false;
  must::subscriptions all(store);
  REQUIRE(all.parked("one").size() == 1);
  CHECK_FALSE(all.parked("one")[0].is_gone);
  using ask = void (*)(must::subscriptions<changed_store>&);
  for (const ask request : {ask([](auto& of) { of.replay("one", 2); }), ask([](auto& of) { of.skip("one", 2); }),
                            ask([](auto& of) { of.drop("one", 2); })}) {
    store.changed = 2;
    CHECK(must_test::error_of([&] { request(all); }).code == must::error_code::history_changed);
    CHECK(all.parked("one")[0].is_gone);
    store.changed = 0;
    request(all);
    store.changed = 2;
    CHECK(must_test::error_of([&] { follows.run_once(); }).code == must::error_code::history_changed);
    CHECK(follows.parked().size() == 1);
    CHECK(seen == cases::positions{1});
  }
  store.changed = 0;
  CHECK(follows.run_once() == 4);
  CHECK(seen == cases::positions{1, 2, 3, 4});
}

// SPDX-License-Identifier: MIT
// The delivery suite, RL1 to RL9: what a relay shows with a delivery, whatever fails.
#pragma once

#include "must/delivery.hpp"
#include "must/delivery/relay.hpp"
#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/subscription/options.hpp"
#include "must/testing/crashing_store.hpp"
#include "must/testing/suite/expect.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace must::testing::suite {

// The delivery of a fixture, with faults before and after it.
template <typename D, typename Data>
class faulty_delivery {
 public:
  using record = recorded<Data>;

  explicit faulty_delivery(D& inner) : inner_(inner) {}

  std::function<void(const record&)> before = [](const record&) {};
  std::function<void(const record&)> after = [](const record&) {};
  std::function<delivery_answer(const record&)> answer = [](const record&) { return delivery_answer{}; };

  void deliver(std::span<const record* const> batch, std::span<delivery_answer> answers, const std::stop_token& stop) {
    for (std::size_t i = 0; i < batch.size(); ++i) {
      before(*batch[i]);
      answers[i] = answer(*batch[i]);
      const auto now = answers[i].outcome;
      if (now == delivery_outcome::ok || now == delivery_outcome::unknown) {
        delivery_answer own;
        must::detail::delivery::deliver_to<D, Data>(inner_, batch.subspan(i, 1), std::span(&own, 1), stop);
        if (now == delivery_outcome::ok) answers[i] = own;
      }
      after(*batch[i]);
      if (answers[i].outcome != delivery_outcome::ok) return;
    }
  }

 private:
  D& inner_;
};

template <typename F>
struct delivery_cases {
  using store_type = store_of<F>;
  using data_type = data_of<F>;
  using record = recorded<data_type>;
  using faulty = faulty_delivery<std::remove_reference_t<decltype(std::declval<F&>().delivery())>, data_type>;
  static constexpr std::size_t window = 4;

  static relay_options options(unsigned lanes = 1) {
    return {.following = {.lanes = lanes,
                          .window = window,
                          .save_every = window,
                          .save_interval = duration{20'000},
                          .on_failure = {.attempts = 5, .delay = duration{100}, .longest_delay = duration{1'000}},
                          .lease = duration{60'000},
                          .stalled_after = duration{50'000}}};
  }
  static void store_events(store_type& store, int count, int first = 0, const std::string& type = "wanted") {
    for (int i = first; i < first + count; ++i)
      static_cast<void>(append<F>(store, event<F>(type, numbered("s", i % 3), {}, static_cast<std::uint64_t>(i))));
  }
  static query wanted() { return query::of_types({"wanted"}); }
  template <typename Store, typename D>
  static auto make_relay(Store& store, D& delivery, relay_options how = options()) {
    return must::relay(store, "relay", wanted(), delivery, std::move(how));
  }

  // Expects that everything arrived, in the order of the log in each stream, and no more repeats than allowed.
  static void check_received(F& fixture, std::size_t most_repeats) {
    const auto log = read_all<F>(fixture.store(), wanted());
    std::map<std::string, std::string> stream_of;
    std::map<std::string, std::vector<std::string>> expected, found;
    for (const auto& one : log) {
      stream_of[one.id] = one.subject;
      expected[one.subject].push_back(one.id);
    }
    std::set<std::string> seen;
    std::size_t repeats = 0;
    for (const std::string& id : fixture.received()) {
      expect(stream_of.contains(id), "nothing but what is stored arrives");
      if (seen.insert(id).second)
        found[stream_of[id]].push_back(id);
      else
        ++repeats;
    }
    expect_equal(found, expected, "what arrives in each stream, without repeats");
    expect(repeats <= most_repeats,
           "at most " + std::to_string(most_repeats) + " repeats, not " + std::to_string(repeats));
  }
  static void run_to_the_end(F& fixture) {
    auto& store = fixture.store();
    make_relay(store, fixture.delivery()).run_once();
  }
  template <typename Condition>
  static void wait_for(Condition&& holds, const std::string& what) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!holds()) {
      expect(std::chrono::steady_clock::now() < end, what + " within a minute");
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  enum crash_point { before_sending, after_sending, before_saving, while_saving, while_parking, lease_lost };
  static void rl1_crash_points() {
    for (const auto where : {before_sending, after_sending, before_saving, while_saving, while_parking, lease_lost}) {
      F fixture;
      store_events(fixture.store(), 11);
      crashing_store<store_type> store(fixture.store());
      faulty delivery(fixture.delivery());
      auto how = options();
      const auto crash = [&] {
        store.crash_now();
        throw crashed();
      };
      int calls = 0;
      const auto at_the_sixth = [&](auto what) {
        return [&, what](const record&) {
          if (++calls == 6) what();
        };
      };
      if (where == before_sending) delivery.before = at_the_sixth(crash);
      if (where == after_sending) delivery.after = at_the_sixth(crash);
      if (where == before_saving) delivery.after = at_the_sixth([&] { store.crash_now(); });
      if (where == while_saving) delivery.after = at_the_sixth([&] { store.crash_at(1, true); });
      if (where == while_parking) {
        how.following.on_failure = {.then = failure_action::park};
        delivery.answer = [&](const record& one) {
          if (one.position != 6) return delivery_answer{};
          store.crash_at(1, true);
          return delivery_answer{delivery_outcome::poison, "no"};
        };
      }
      if (where == lease_lost)
        delivery.before = at_the_sixth([&] {
          store.crash_now();  // No renewal arrives any more.
          run_to_the_end(fixture);
        });
      bool ended = false;
      try {
        auto first = make_relay(store, delivery, how);
        first.run_once();
      } catch (const std::exception&) {
        ended = true;
      }
      expect(ended, "a crash ends the run");
      run_to_the_end(fixture);
      if (where == while_parking) {
        auto again = make_relay(fixture.store(), fixture.delivery());
        again.replay_parked();
        again.run_once();
      }
      check_received(fixture, where == lease_lost ? 11 : window);
    }
  }

  static void rl2_late_commits() {
    F fixture;
    auto& store = fixture.store();
    auto relay = make_relay(store, fixture.delivery());
    std::vector<std::jthread> writers;
    {
      std::jthread follows([&](const std::stop_token& stop) { relay.run(stop); });
      for (int i = 0; i < 4; ++i) writers.emplace_back([&, i] { store_events(store, 50, i * 50); });
      writers.clear();
      expect(static_cast<bool>(relay.wait_until(store.head(), duration{60'000'000})),
             "everything is delivered within a minute");
    }
    check_received(fixture, 0);
  }

  static void rl3_filtered_tail() {
    F fixture;
    store_events(fixture.store(), 3);
    store_events(fixture.store(), 20, 0, "unwanted");
    run_to_the_end(fixture);
    expect_equal(make_relay(fixture.store(), fixture.delivery()).run_once(), position{23}, "the checkpoint");
    check_received(fixture, 0);
  }

  static void rl4_idle_tail() {
    F fixture;
    auto& store = fixture.store();
    auto relay = make_relay(store, fixture.delivery());
    std::jthread follows([&](const std::stop_token& stop) { relay.run(stop); });
    store_events(store, 1);
    wait_for([&] { return relay.health().saved == 1; }, "the checkpoint is saved though nothing follows");
    store_events(store, 1, 1);
    expect(static_cast<bool>(relay.wait_until(2, duration{60'000'000})),
           "an event after a pause is delivered within a minute");
    follows.request_stop();
    follows.join();
    check_received(fixture, 0);
  }

  static void rl5_takeover() {
    F fixture;
    store_events(fixture.store(), 6);
    crashing_store<store_type> store(fixture.store());
    faulty delivery(fixture.delivery());
    auto how = options();
    how.following.owner = "the first";
    how.following.lease = duration{2'000'000};
    std::atomic<bool> go_on{false}, inside{false};
    delivery.before = [&](const record& one) {
      if (one.position != 3) return;
      inside = true;
      while (!go_on) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    };
    auto first = make_relay(store, delivery, how);
    std::jthread follows([&] {
      try {
        first.run_once();
      } catch (const std::exception&) {}  // It is fenced off.
    });
    wait_for([&] { return inside.load(); }, "the first delivers");
    std::string refusal;
    try {
      run_to_the_end(fixture);
    } catch (const not_owner& why) {
      refusal = why.what();
    }
    const bool names_the_owner = refusal.find("the first") != std::string::npos;
    store.crash_now();
    if (names_the_owner) run_to_the_end(fixture);
    go_on = true;
    follows.join();
    expect(names_the_owner, "a second relay is refused while the first lives, and told who that is");
    run_to_the_end(fixture);
    check_received(fixture, 6);
  }

  static void rl6_poison_and_replay() {
    F fixture;
    auto& store = fixture.store();
    store_events(store, 9);
    faulty delivery(fixture.delivery());
    std::atomic<bool> repaired{false};
    delivery.answer = [&](const record& one) {
      return one.position == 2 && !repaired ? delivery_answer{delivery_outcome::poison, "too large"}
                                            : delivery_answer{};
    };
    auto how = options();
    how.following.on_failure.then = failure_action::park;
    auto relay = make_relay(store, delivery, how);
    relay.run_once();
    const auto parked = relay.parked();
    expect_equal(parked.size(), std::size_t{1}, "one event is parked");
    expect_equal(parked[0].position, position{2}, "its position");
    expect_equal(parked[0].reason, std::string("too large"), "its reason");
    expect_equal(parked[0].attempts, 1U, "poison is not tried again");
    expect_equal(fixture.received().size(), std::size_t{6}, "what is of other streams goes on");
    relay.replay_parked();
    relay.run_once();
    expect_equal(relay.parked().size(), std::size_t{1}, "what fails again stays parked");
    repaired = true;
    relay.replay_parked();
    relay.run_once();
    expect(relay.parked().empty(), "what was replayed is not parked");
    check_received(fixture, 0);
  }

  static void rl7_lanes_change() {
    F fixture;
    auto& store = fixture.store();
    store_events(store, 10);
    make_relay(store, fixture.delivery(), options(4)).run_once();
    store_events(store, 10, 10);
    make_relay(store, fixture.delivery(), options(2)).run_once();
    store_events(store, 10, 20);
    auto batched = options(1);
    batched.batch = 3;
    make_relay(store, fixture.delivery(), batched).run_once();
    check_received(fixture, 0);
  }

  static void rl8_stall_alarm() {
    F fixture;
    auto& store = fixture.store();
    faulty delivery(fixture.delivery());
    std::atomic<bool> works{false};
    delivery.answer = [&](const record&) {
      return works ? delivery_answer{} : delivery_answer{delivery_outcome::retriable, "nobody answers"};
    };
    auto how = options();
    how.following.on_failure.attempts = 1'000'000;
    auto relay = make_relay(store, delivery, how);
    std::jthread follows([&](const std::stop_token& stop) { relay.run(stop); });
    store_events(store, 2);
    subscription_health sick;
    const auto is_sick = [&] { return sick = relay.health(), sick.stalled && sick.retries > 0; };
    wait_for(is_sick, "a relay that gets nowhere says so");
    expect_equal(sick.lag, std::uint64_t{2}, "the lag");
    expect(sick.behind.microseconds > 0, "the age of the first event is told");
    expect(sick.last_error.find("nobody answers") != std::string::npos, "the reason is told");
    works = true;
    wait_for([&] { return relay.health().lag == 0; }, "it goes on");
    expect(!relay.health().stalled, "a relay that has nothing to do is not stalled");
    follows.request_stop();
    follows.join();
    check_received(fixture, 0);
  }

  static void rl9_outcomes() {
    F fixture;
    auto& store = fixture.store();
    store_events(store, 3);
    faulty delivery(fixture.delivery());
    bool lost = false;
    delivery.answer = [&](const record& one) {
      if (one.position == 2 && !std::exchange(lost, true)) return delivery_answer{delivery_outcome::unknown, "cut off"};
      if (one.position == 3) return delivery_answer{delivery_outcome::fatal, "wrong password"};
      return delivery_answer{};
    };
    auto how = options();
    how.following.on_failure.then = failure_action::skip;
    expect_throws<undeliverable>([&] { make_relay(store, delivery, how).run_once(); }, "a fatal answer");
    run_to_the_end(fixture);
    check_received(fixture, 1);
  }
};

}  // namespace must::testing::suite

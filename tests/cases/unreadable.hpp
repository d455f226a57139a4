// SPDX-License-Identifier: MIT
// Events that their follower does not know or cannot read: the failure policy decides, on every store.
#pragma once

#include "must/codec/codec.hpp"
#include "must/error.hpp"
#include "must/model/projection.hpp"
#include "must/storage/transactional.hpp"
#include "must/subscription.hpp"
#include "must/testing/suite/expect.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace must_test {

struct Ordered {
  static constexpr auto type = "Ordered";
  static constexpr auto former_types = "Requested";
  std::string item;
};

}  // namespace must_test

template <>
struct must::codec<must_test::Ordered> {
  static payload encode(const must_test::Ordered& event) { return {"text/plain", "item " + event.item}; }
  static must_test::Ordered decode(const payload& data) {
    const auto bytes = data.bytes();
    if (!bytes.starts_with("item ")) raise({.code = error_code::codec_error, .message = "the data is no item"});
    return {std::string(bytes.substr(5))};
  }
};

namespace must_test {

// F: default-constructible, `store()` gives an empty CellStorage of payloads.
template <typename F>
struct unreadable_cases {
  using store_type = must::testing::suite::store_of<F>;
  using record = must::recorded<must::payload>;
  using items = std::vector<std::string>;

  // What may be wrong with an event, and a part of what is said about it.
  struct fault {
    const char* name;
    must::error_code code;
    const char* said;
    void (*make)(must::cloud_event&);
  };
  static const std::vector<fault>& faults() {
    static const std::vector<fault> all{
        {"its type is unknown", must::error_code::codec_error, "no such event", [](auto& one) { one.type = "Other"; }},
        {"its data cannot be decoded", must::error_code::codec_error, "no item",
         [](auto& one) { one.data = must::payload("text/plain", "?"); }},
        {"its schema version is unknown", must::error_code::codec_error, "schema version 7",
         [](auto& one) { one.extensions["mustschemaversion"] = std::int32_t{7}; }},
        {"it is erased", must::error_code::erased, "gdpr",
         [](auto& one) { one.data = must::payload::erased({"gdpr", {.microseconds = 0}}, "text/plain"); }}};
    return all;
  }
  // Five events of streams a b a b a, of which the third cannot be read; the first has a former name.
  static std::string fill(store_type& store, const fault& what) {
    std::string bad;
    for (int i = 1; i <= 5; ++i) {
      auto one = must::testing::suite::event<F>(i == 1 ? "Requested" : "Ordered", i % 2 == 1 ? "a" : "b");
      one.data = must::codec<Ordered>::encode({std::to_string(i)});
      if (i == 3) what.make(one), bad = one.id;
      must::testing::suite::append<F>(store, one).value();
    }
    return bad;
  }
  static must::subscription_options quick(unsigned lanes, must::failure_policy policy) {
    policy.delay = policy.longest_delay = must::duration(100);
    return {.lanes = lanes, .on_failure = std::move(policy), .lease = must::duration(60'000)};
  }

  template <typename Handler>
  static void policies_decide(const Handler& handler_into) {
    for (const auto& what : faults())
      for (const unsigned lanes : {1U, 2U}) {
        INFO(what.name << ", " << lanes << " lanes");
        F fixture;
        auto& store = fixture.store();
        const auto id = fill(store, what);
        items seen;
        std::mutex mutex;
        const auto follow = [&](const char* name, must::failure_policy policy, auto&& look) {
          seen.clear();
          must::subscription follows(store, name, must::query::all(), handler_into(seen, mutex),
                                     quick(lanes, std::move(policy)));
          look(follows);
          std::sort(seen.begin(), seen.end());
        };
        const auto tells = [&](const std::string& text) {
          CHECK(text.find(id) != std::string::npos);
          CHECK(text.find("position 3") != std::string::npos);
          CHECK(text.find(what.said) != std::string::npos);
        };

        follow("stop", {}, [&](auto& follows) {
          for (int run = 0; run < 2; ++run) {  // the second run begins with it
            try {
              follows.run_once();
              FAIL("nothing was thrown");
            } catch (const must::exception& why) {
              CHECK(why.error().code == what.code);
              CHECK(why.error().event_id == id);
              CHECK(why.error().position == 3);
              tells(why.what());
            }
            CHECK(follows.health().saved <= 2);
            tells(follows.health().last_error);
          }
        });
        CHECK(std::count(seen.begin(), seen.end(), "5") == 0);
        follow("skip", {.then = must::failure_action::skip}, [&](auto& follows) {
          CHECK(follows.run_once() == 5);
          CHECK(follows.health().skipped == 1);
          tells(follows.health().last_error);
        });
        CHECK(seen == items{"1", "2", "4", "5"});
        follow("retry", {.attempts = 3, .then = must::failure_action::skip}, [&](auto& follows) {
          CHECK(follows.run_once() == 5);
          CHECK(follows.health().retries == 2);
          CHECK(follows.health().skipped == 1);
        });
        CHECK(seen == items{"1", "2", "4", "5"});
        for (const bool strict : {true, false}) {
          const auto action = strict ? must::failure_action::park : must::failure_action::park_loose;
          follow(strict ? "park" : "loose", {.then = action}, [&](auto& follows) {
            CHECK(follows.run_once() == 5);
            REQUIRE(follows.parked().size() == 1);
            CHECK(follows.parked()[0].position == 3);
            tells(follows.parked()[0].reason);
            follows.replay_parked();  // by a program that knows no more than this one
            follows.run_once();
            REQUIRE(follows.parked().size() == 1);
            CHECK(follows.parked()[0].attempts == 2);
          });
          CHECK(seen == (strict ? items{"1", "2", "4"} : items{"1", "2", "4", "5"}));
        }
        std::atomic<int> asked{0}, told{0};
        must::failure_policy own;
        own.decide = [&](const must::failed_attempt& failed) {
          if (failed.why.code == what.code && failed.event == 3) ++told;
          return ++asked < 3 ? must::failure_action::retry : must::failure_action::skip;
        };
        follow("own", own, [&](auto& follows) { CHECK(follows.run_once() == 5); });
        CHECK(asked == 3);
        CHECK(told == 3);
      }
  }
  static void subscriptions() {
    policies_decide([](items& seen, std::mutex& mutex) {
      return must::handler_of<Ordered>([&](const Ordered& event, const record& at) {
        const std::lock_guard lock(mutex);
        seen.push_back(event.item == std::to_string(at.position) ? event.item : "another's " + event.item);
      });
    });
  }
  static void subscriptions_in_transactions() {
    if constexpr (must::TransactionalStorage<store_type>)
      policies_decide([](items& seen, std::mutex& mutex) {
        return must::handler_of<Ordered>([&](typename store_type::transaction&, const Ordered& event) {
          const std::lock_guard lock(mutex);  // a transaction that fails is run again
          if (std::find(seen.begin(), seen.end(), event.item) == seen.end()) seen.push_back(event.item);
        });
      });
  }

  struct Items {
    using events = must::events<Ordered>;
    items all{};
    void apply(const Ordered& event) { all.push_back(event.item); }
  };
  // A projection has no policy: it stops at what its state names and it cannot read, run after run.
  static void projections() {
    for (const auto& what : faults()) {
      INFO(what.name);
      F fixture;
      auto& store = fixture.store();
      const auto id = fill(store, what);
      auto follows = must::projection<Items>(store, "items", must::query::all());
      if (std::string_view(what.name) == "its type is unknown") {
        CHECK(follows.run_once() == 5);
        CHECK(follows.state().all == items{"1", "2", "4", "5"});
        continue;
      }
      for (int run = 0; run < 2; ++run) {
        try {
          run == 0 ? static_cast<void>(follows.run_once()) : follows.run({});
          FAIL("nothing was thrown");
        } catch (const must::exception& why) {
          CHECK(why.error().code == what.code);
          CHECK(why.error().event_id == id);
          CHECK(why.error().position == 3);
        }
        CHECK(follows.scanned() == 2);
        CHECK(follows.state().all == items{"1", "2"});
      }
    }
  }

  static void all() {
    SECTION("the policy of a subscription decides") { subscriptions(); }
    SECTION("the policy of a subscription in transactions decides") { subscriptions_in_transactions(); }
    SECTION("a projection stops") { projections(); }
  }
};

}  // namespace must_test

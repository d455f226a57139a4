// SPDX-License-Identifier: MIT
// What an inbox shows on every store with transactions, with a table of counts as the oracle.
#pragma once

#include "must/delivery/inbox.hpp"

#include "support/catch.hpp"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace must_test {

struct not_now {};

// F: a store of the list with transactions.
template <typename F>
void check_inbox() {
  F fixture;
  auto& store = fixture.store();
  const typename F::counts counts(fixture);
  const auto count = [&](auto& in, const std::string& id) { counts.add(in, id); };
  const auto counted = [&](const std::string& id) { return counts.all()[id]; };
  must::inbox box(store, "counts");
  const auto receive = [&](const std::string& id) {
    return box.receive("/shop", id, [&](auto& in) { count(in, id); });
  };

  SECTION("a repeat does not run the work, another source or receiver does") {
    CHECK(receive("1"));
    CHECK_FALSE(receive("1"));
    CHECK(counted("1") == 1);
    CHECK(box.receive("/other", "1", [&](auto& in) { count(in, "1"); }));
    CHECK(must::inbox(store, "others").receive("/shop", "1", [&](auto& in) { count(in, "1"); }));
    CHECK(counted("1") == 3);
    CHECK_FALSE(receive("1"));
  }
  SECTION("a source and an id are told apart from others that read the same") {
    CHECK(box.receive("a", "bc", [](auto&) {}));
    CHECK(box.receive("ab", "c", [](auto&) {}));
  }
  SECTION("work that throws leaves nothing, and the event is new the next time") {
    const auto fails = [&] {
      return box.receive("/shop", "2", [&](auto& in) {
        count(in, "2");
        throw not_now();
      });
    };
    CHECK_THROWS_AS(fails(), not_now);
    CHECK(counted("2") == 0);
    CHECK(receive("2"));
    CHECK(counted("2") == 1);
  }
  SECTION("an event is received by its own source and id, with names as long as may be") {
    must::cloud_event event{.id = std::string(512, 'i'), .source = std::string(512, 's')};
    must::inbox longest(store, std::string(400, 'n'));
    CHECK(longest.receive(event, [](auto&) {}));
    CHECK_FALSE(longest.receive(event, [](auto&) {}));
    CHECK_THROWS_AS(must::inbox(store, std::string(401, 'n')), must::bad_input);
    CHECK_THROWS_AS(must::inbox(store, ""), must::bad_input);
  }
  SECTION("of threads that race for each event, some of whose work fails, one does it") {
    constexpr int threads = 4, events = 40;
    std::atomic<int> done{0};
    {
      std::vector<std::jthread> all;
      for (int who = 0; who < threads; ++who)
        all.emplace_back([&, who] {
          must::inbox mine(store, "counts");
          for (int i = 0; i < events; ++i) {
            const auto id = std::to_string(i);
            for (bool fails = i % threads == who;; fails = false) try {
                done += mine.receive("/race", id, [&](auto& in) {
                  count(in, id);
                  if (fails) throw not_now();
                });
                break;
              } catch (const not_now&) {}
          }
        });
    }
    CHECK(done == events);
    for (int i = 0; i < events; ++i) REQUIRE(counted(std::to_string(i)) == 1);
  }
}

}  // namespace must_test

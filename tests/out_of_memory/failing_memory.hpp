// SPDX-License-Identifier: MIT
// Memory that runs out when a test says so. The program of these tests replaces operator new, in memory.test.cpp.
#pragma once

#include "must/storage.hpp"

#include "support/catch.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace must_test {

// Of this thread: how many allocations succeed until one fails (negative: all do), and whether all fail from then on.
inline thread_local constinit long left = -1;
inline thread_local constinit bool fails_for_ever = false;
inline constinit std::atomic<long> live{0};  // of all threads

// Does `work` while an allocation fails after `nth` others, and each after that where `for_ever`.
struct attempt {
  template <typename Work>
  attempt(long nth, Work&& work, bool for_ever = false) {
    fails_for_ever = for_ever;
    left = nth;
    try {
      work();
      done = true;
    } catch (const std::bad_alloc&) {
      done = false;
    }
    failed = for_ever ? left == 0 : left < 0;
    left = -1;
    fails_for_ever = false;
  }
  bool done, failed;  // whether it came to its end, whether an allocation failed
};

// A cloud event with a tag that takes memory.
inline must::cloud_event tagged_event(std::string id, const char* stream) {
  must::cloud_event made;
  made.id = std::move(id);
  made.source = "/must";
  made.type = "Noted";
  made.subject = stream;
  made.tags = {"a tag of more than fifteen bytes"};
  return made;
}

// Appends batches of items to a store while an allocation fails, at each place in turn, and goes on for as many
// `rounds`, since some batches need more memory than others. Each item is stored whole or not at all, as its result
// says. A batch that throws is stored whole or not at all. `event_of(id, stream)` makes an event.
template <typename Store, typename EventOf>
void fail_within_batches(Store& store, bool for_ever, int rounds, EventOf&& event_of) {
  using event = must::basic_event<typename Store::data_type>;
  long nth = 0;
  int failures = 0;
  for (int round = 0; nth >= 0 || round < rounds; ++round) {
    INFO("allocation " << nth << (for_ever ? " and all that follow" : "") << " in round " << round);
    const auto id = [&](const char* of) { return std::string(of) + std::to_string(round); };
    const auto make = [&] {
      std::vector<std::vector<event>> made(3);
      for (const char* of : {"a", "b", "c"}) made[0].push_back(event_of(id(of), "one"));
      made[1].push_back(event_of(id("d"), "two"));
      for (const char* of : {"e", "f"}) made[2].push_back(event_of(id(of), "one"));
      return made;
    };
    const auto items_of = [](std::vector<std::vector<event>>& all) {
      std::vector<must::batch_item<typename Store::data_type>> items;
      for (auto& events : all) items.push_back({std::span(events), {}});
      return items;
    };
    const auto before = store.head();
    auto events = make();
    auto items = items_of(events);
    std::vector<bool> says(3);
    const auto [done, failed] = attempt(
        nth,
        [&] {
          const auto results = store.append_batch(items);
          for (std::size_t i = 0; i < results.size(); ++i) says[i] = results[i].has_value() && results[i]->stored();
        },
        for_ever);
    failures += failed ? 1 : 0;
    std::size_t stored = 0;
    const auto wanted = make();
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      std::size_t found = 0;
      for (const auto& one : wanted[i]) found += store.find(one.source, one.id).has_value() ? 1U : 0U;
      INFO("item " << i << " has " << found << " of its " << wanted[i].size() << " events");
      REQUIRE((found == 0 || found == wanted[i].size()));
      if (done) REQUIRE((found > 0) == says[i]);
      stored += found;
    }
    if (!done) REQUIRE((stored == 0 || stored == 6));
    REQUIRE(store.head() == before + stored);
    auto again = make();
    items = items_of(again);
    for (const auto& one : store.append_batch(items)) REQUIRE(one.value().stored());
    REQUIRE(store.head() == before + 6);
    nth = failed ? nth + 1 : round + 1 < rounds ? 0 : -1;
  }
  std::uint64_t one = 0, two = 0;
  store.read(must::query::all(), {},
             [&](const auto& record) { REQUIRE(record.version.value == ++(record.subject == "one" ? one : two)); });
  REQUIRE(one == 5 * two);
  CHECK(failures > 1);
}

}  // namespace must_test

// SPDX-License-Identifier: MIT
// The storage suite: limits and hostile names (Z7, Z8, D12), cells (S8), batches, waiting.
#pragma once

#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/limits.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/storage.hpp"
#include "must/storage/abilities.hpp"
#include "must/testing/suite/expect.hpp"
#include "must/testing/suite/race_cases.hpp"
#include "must/timestamp.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace must::testing::suite {

template <typename F>
struct limit_cases {
  static must::limits limits_of(store_of<F>& store) {
    if constexpr (LimitedStorage<std::remove_cvref_t<decltype(store)>>)
      return store.limits();
    else
      return {};
  }
  static void z8_limits() {
    F fixture;
    auto& store = fixture.store();
    const auto allowed = limits_of(store);
    const auto try_name = [&](std::size_t bytes, bool good) {
      const std::string name(bytes, 'n');
      const auto check = [&](auto change, const char* field) {
        auto one = event<F>("a", "s", {"t"});
        change(one);
        if (good)
          expect(append<F>(store, one).stored(),
                 std::string(field) + " of " + std::to_string(bytes) + " bytes is stored");
        else
          expect_throws<bad_input>([&] { static_cast<void>(append<F>(store, one)); },
                                   std::string(field) + " of " + std::to_string(bytes) + " bytes", field);
      };
      check([&](auto& e) { e.id = name; }, "id");
      check([&](auto& e) { e.source = name; }, "source");
      check([&](auto& e) { e.type = name; }, "type");
      if (bytes > 0) check([&](auto& e) { e.subject = name; }, "stream");
      check([&](auto& e) { e.tags = {name}; }, "tag");
    };
    try_name(0, false);
    try_name(1, true);
    try_name(allowed.name_bytes - 1, true);
    try_name(allowed.name_bytes, true);
    try_name(allowed.name_bytes + 1, false);
    for (const std::size_t count : {allowed.tags_per_event, allowed.tags_per_event + 1}) {
      std::vector<std::string> tags;
      tags.reserve(count);
      for (std::size_t i = 0; i < count; ++i) tags.push_back(numbered("t", i));
      auto one = event<F>("a");
      one.tags = tag_set(std::move(tags));
      if (count == allowed.tags_per_event)
        expect(append<F>(store, one).stored(), "as many tags as are allowed are stored");
      else
        expect_throws<bad_input>([&] { static_cast<void>(append<F>(store, one)); }, "a tag too many", "tags");
    }
    std::mt19937_64 random(seed());
    for (int round = 0; round < 20; ++round) {
      std::string name;
      while (name.size() < allowed.name_bytes) name += static_cast<char>(random() % 94 + 33);
      append<F>(store, event<F>(name, name, {name})).value();
      for (const auto& which : {query::of_stream(name), query::of_types({name}), query::of_tags({name})})
        expect_equal(positions<F>(store, which), std::vector{store.head()}, with_seed("matches of a random name"));
    }
    const std::vector<event_of<F>> many(allowed.events_per_append + 1, event<F>("a"));
    expect_throws<bad_input>([&] { static_cast<void>(append<F>(store, many)); }, "one event too many", "events");
    std::vector<std::string> names;
    names.reserve(allowed.tags_per_event);
    for (std::size_t i = 0; i < allowed.tags_per_event; ++i) names.push_back(numbered("t", i));
    auto tagged = event<F>("a");
    tagged.tags = tag_set(std::move(names));
    const std::vector<event_of<F>> laden(allowed.tags_per_append / allowed.tags_per_event + 1, tagged);
    expect_throws<bad_input>([&] { static_cast<void>(append<F>(store, laden)); }, "a tag too many in an append",
                             "tags");
    if constexpr (std::is_same_v<data_of<F>, payload>)
      for (const auto more : {0, 1}) {
        auto one = event<F>("a");
        one.data = payload("text/plain", std::string(allowed.payload_bytes + static_cast<std::size_t>(more), 'x'));
        if (more == 0)
          expect(append<F>(store, one).stored(), "the largest payload is stored");
        else
          expect_throws<bad_input>([&] { static_cast<void>(append<F>(store, one)); }, "a payload one byte too large",
                                   "data");
      }
  }
  static void z7_hostile_names() {
    F fixture;
    auto& store = fixture.store();
    const std::string hostile[] = {
        "'; drop table events; --", "\"",   "%", "_",  "\\", "a,b", "{a}", "\n\t\x01", "\xF0\x9F\x98\x80",
        "../../etc/passwd",         "NULL", " ", "$1", "?"};
    for (const auto& name : hostile) {
      append<F>(store, event<F>(name, name, tag_set(std::vector{name}))).value();
      for (const auto& which : {query::of_stream(name), query::of_types({name}), query::of_tags({name})})
        expect_equal(positions<F>(store, which), std::vector{store.head()}, "a hostile name is matched exactly");
      expect_equal(store.version(name), version{1}, "its version");
    }
    for (const auto& bad : {std::string("a\0b", 3), std::string("\xC0\xAF"), std::string("\xED\xA0\x80"),
                            std::string("\xFF"), std::string("\xF0\x9F\x98"), std::string("a\x80")}) {
      expect_throws<bad_input>([&] { static_cast<void>(append<F>(store, event<F>(bad))); },
                               "NUL or broken UTF-8 in a type", "type");
      expect_throws<bad_input>(
          [&] { static_cast<void>(append<F>(store, event<F>("a", {}, tag_set(std::vector{bad})))); }, "in a tag",
          "tag");
      expect_throws<bad_input>([&] { static_cast<void>(positions<F>(store, query::of_tags({bad}))); }, "in a query",
                               "tag");
    }
    auto bad = event<F>("a");
    bad.extensions = {{"Not-A-Name", true}};
    expect_throws<bad_input>([&] { static_cast<void>(append<F>(store, bad)); }, "a bad name of an extension",
                             "extension");
    for (const attribute_value& forbidden :
         {attribute_value("a\nb"), attribute_value("\xFF"), attribute_value(uri{"no scheme"}),
          attribute_value(uri_reference{"a b"})}) {
      bad.extensions = {{"name", forbidden}};
      expect_throws<bad_input>([&] { static_cast<void>(append<F>(store, bad)); }, "a bad value of an extension",
                               "extension");
    }
    expect(append<F>(store, event<F>("a")).stored(), "the store is usable afterwards");
  }
  static void d12_tags() {
    F fixture;
    auto& store = fixture.store();
    const std::string longest(limits_of(store).name_bytes, 'x');
    append<F>(store, event<F>("a", {}, {longest, longest.substr(1)})).value();
    expect_equal(positions<F>(store, query::of_tags({longest})).size(), std::size_t{1},
                 "matches of a tag as long as is allowed");
    expect_equal(positions<F>(store, query::of_tags({longest.substr(2)})).size(), std::size_t{0},
                 "matches of a prefix of it");
    std::vector<std::string> tags;
    tags.reserve(limits_of(store).tags_per_event);
    for (std::size_t i = 0; i < limits_of(store).tags_per_event; ++i) tags.push_back(numbered("n", i));
    const auto at = append<F>(store, event<F>("a", {}, tag_set(tags))).value().first;
    for (const auto& tag : {tags.front(), tags[tags.size() / 2], tags.back()})
      expect_equal(positions<F>(store, query::of_tags({tag, tags[1]})), std::vector{at}, "matches of one of many tags");
  }
};

template <typename F>
struct cell_cases {
  static void s8_compare_and_set() {
    F fixture;
    auto& store = fixture.store();
    expect(!store.get("k"), "an unknown key has no cell");
    expect(!store.put("k", "x", 1), "ahead of nothing");
    expect(store.put("k", "one", 0) && store.get("k") == cell{"one", 1}, "the first put");
    expect(!store.put("k", "two", 0) && store.get("k") == cell{"one", 1}, "a mismatch stores nothing");
    expect(store.put("k", "two", 1) && store.get("k") == cell{"two", 2}, "a match");
    expect(!store.put("k", "x", 3) && !store.put("k", "x", 1), "ahead and rewind");
    expect(store.put("k2", std::string("\0\xFF", 2), 0) && store.get("k2")->bytes.size() == 2,
           "bytes are kept as they are");
    expect_equal(store.list("k"), std::vector<std::string>{"k", "k2"}, "the keys of a prefix");
    expect_equal(store.list("nothing"), std::vector<std::string>{}, "the keys of an unknown prefix");
    expect_throws<bad_input>([&] { static_cast<void>(store.put("", "x", 0)); }, "an empty key", "key");
    expect_throws<bad_input>([&] { static_cast<void>(store.get(std::string(513, 'k'))); }, "a long key", "key");
    for (std::uint64_t round = 0; round < 50; ++round) {
      std::atomic<int> won{0};
      at_once(8, [&](int t) { won += store.put("race", std::to_string(t), round); });
      expect_equal(won.load(), 1, "winners of one revision");
    }
  }
};

template <typename F>
struct batch_cases {
  static void b1_batches() {
    F fixture;
    auto& store = fixture.store();
    using item = batch_item<data_of<F>>;
    auto first = event<F>("a", "s", {"t"}), again = event<F>("a", "s", {"t"}), third = event<F>("b", "s"),
         late = event<F>("b", "s"), other = event<F>("c", "s");
    auto bad = event<F>("a");
    bad.type.clear();
    auto repeat = first;
    other.id = first.id;
    const append_condition guarded{.query = query::of_tags({"t"})},
        at_1{.streams = {stream_expectation::exactly("s", 1)}};
    std::vector<item> items{item{std::span(&first, 1), guarded},  item{std::span(&again, 1), guarded},
                            item{std::span(&bad, 1), {}},         item{std::span(&third, 1), at_1},
                            item{std::span(&repeat, 1), guarded}, item{std::span(&late, 1), at_1},
                            item{std::span(&other, 1), {}}};
    const auto done = store.append_batch(std::span(items));
    expect_equal(done.size(), items.size(), "a result for each item");
    expect(done[0] && done[0]->stored() && (*done[0])->first == 1, "the first item is stored");
    expect(done[1] && !done[1]->stored() && done[1]->why().actual == 1, "the second sees the first, and conflicts");
    expect(!done[2] && done[2].error().code == error_code::bad_input && done[2].error().field == "type",
           "bad input is an error of its item");
    expect(done[3] && done[3]->stored() && (*done[3])->first == 2, "its neighbours are stored");
    expect(done[4] && done[4]->stored() && (*done[4])->first == 1, "a repeat within a batch shares the result");
    expect(done[5] && !done[5]->stored() && done[5]->why().stream == "s" && done[5]->why().actual == 2,
           "a stream that its neighbours have written to is a conflict");
    expect(!done[6] && done[6].error().code == error_code::duplicate_id && done[6].error().event_id == other.id,
           "an id of its neighbours with other content is an error of its item");
    expect_equal(store.head(), position{2}, "head");
  }
};

template <typename F>
struct wait_cases {
  static void w1_waiting() {
    F fixture;
    auto& store = fixture.store();
    expect(!store.wait_for(1, duration(1'000), std::stop_token{}), "the timeout passes");
    append<F>(store, event<F>("a")).value();
    expect(store.wait_for(1, duration(0), std::stop_token{}), "what is there is not waited for");
    for (position next = 2; next < 50; ++next) {
      std::jthread writer([&] { append<F>(store, event<F>("a")).value(); });
      expect(store.wait_for(next, duration(60'000'000), std::stop_token{}), "an append wakes");
    }
    std::stop_source stop;
    std::jthread stopper([&] { stop.request_stop(); });
    expect(!store.wait_for(1'000'000, duration(60'000'000), stop.get_token()), "a stop request ends the wait");
  }
};

}  // namespace must::testing::suite

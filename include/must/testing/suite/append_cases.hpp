// SPDX-License-Identifier: MIT
// The storage suite: appending, and the identity of events (cases A and I).
#pragma once

#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/testing/suite/expect.hpp"
#include "must/timestamp.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

namespace must::testing::suite {

template <typename F>
struct append_cases {
  static void a1_positions() {
    F fixture;
    auto& store = fixture.store();
    const auto first = append<F>(store, event<F>("a")).value();
    const auto second = append<F>(store, std::vector{event<F>("a"), event<F>("b"), event<F>("c")}).value();
    expect_equal(first.first, position{1}, "the first position");
    expect_equal(first.last, position{1}, "its last");
    expect(second.first == 2 && second.last == 4, "one append is contiguous and follows the one before");
    expect_equal(store.head(), position{4}, "head");
  }
  static void a2_nothing() {
    F fixture;
    expect_throws<bad_input>([&] { static_cast<void>(append<F>(fixture.store(), std::vector<event_of<F>>{})); },
                             "an append of nothing", "events");
  }
  static void a3_atomic() {
    F fixture;
    auto& store = fixture.store();
    auto bad = event<F>("a");
    bad.id.clear();
    expect_throws<bad_input>([&] { static_cast<void>(append<F>(store, std::vector{event<F>("a"), bad})); },
                             "an event without id", "id");
    expect_equal(store.head(), position{0}, "head after a refused append");
    expect(append<F>(store, event<F>("a")).stored(), "the store is usable afterwards");
  }
  static void a4_expectations() {
    using kind = stream_expectation::kind;
    for (const bool exists : {false, true})
      for (const auto expected : {kind::any, kind::no_stream, kind::exists, kind::exactly}) {
        F fixture;
        auto& store = fixture.store();
        if (exists) append<F>(store, std::vector{event<F>("a", "s"), event<F>("a", "s")}).value();
        const version at = expected == kind::exactly ? 2 : 0;
        const auto done = append<F>(store, event<F>("a", "s"), {.streams = {{"s", expected, at}}});
        const bool holds = expected == kind::any || (expected == kind::no_stream ? !exists : exists);
        expect_equal(done.stored(), holds, "whether the expectation of the stream holds");
        if (holds) continue;
        expect(done.why().failed == conflict::part::stream && done.why().stream == "s",
               "the conflict names the stream");
        expect_equal(done.why().actual, std::uint64_t{exists ? 2U : 0U}, "the actual version");
        if (expected != kind::exists) expect_equal(done.why().expected.value_or(99), at, "the expected version");
      }
  }
  static void a6_versions() {
    F fixture;
    auto& store = fixture.store();
    append<F>(store, std::vector{event<F>("a", "x"), event<F>("a", "y"), event<F>("a", "x"), event<F>("a")}).value();
    const auto all = read_all<F>(store);
    expect(all[0].version == 1 && all[1].version == 1 && all[2].version == 2 && all[3].version == 0,
           "versions are dense in each stream");
    expect_equal(store.version("x"), version{2}, "version(x)");
    expect_equal(store.version("nowhere"), version{0}, "the version of an unknown stream");
  }
  static void a7_sizes() {
    F fixture;
    auto& store = fixture.store();
    position before = 0;
    for (const std::size_t count : {std::size_t{1}, std::size_t{1'000}, std::size_t{10'000}}) {
      std::vector<event_of<F>> events;
      events.reserve(count);
      for (std::size_t i = 0; i < count; ++i) events.push_back(event<F>("a", "s", {"t"}, i));
      const auto done = append<F>(store, std::move(events)).value();
      expect(done.first == before + 1 && done.last == before + count, std::to_string(count) + " events are contiguous");
      before += count;
    }
    expect_equal(store.version("s"), version{11'001}, "the version of the stream");
  }
  static void a8_envelope() {
    F fixture;
    auto& store = fixture.store();
    auto full =
        event<F>("com.example.\xC3\xA9t\xC3\xA9", "stream \xF0\x9F\x98\x80", {"a,b", "\"q\"", "\xF0\x9F\x98\x80"}, 7);
    full.dataschema = "https://example.com/schema";
    full.time = timestamp::parse("2018-04-05T17:31:00.123456789+05:30").value();
    full.extensions = {{"abool", true},
                       {"anint", std::int32_t{-5}},
                       {"atext", std::string("text")},
                       {"bytes1", binary{std::string("\0\xFF", 2)}},
                       {"auri", uri{"https://example.com/x"}},
                       {"aref", uri_reference{"../x"}},
                       {"atime", timestamp::parse("1990-12-31T23:59:60Z").value()}};
    const auto bare = event<F>("b");
    append<F>(store, std::vector{full, bare}).value();
    const auto all = read_all<F>(store);
    const auto check = [](const recorded<data_of<F>>& found, const event_of<F>& sent) {
      expect(found.id == sent.id && found.source == sent.source && found.type == sent.type &&
                 found.subject == sent.subject && found.dataschema == sent.dataschema && found.tags == sent.tags,
             "the attributes come back as they were");
      expect(found.time.has_value() == sent.time.has_value() &&
                 (!found.time || found.time->to_string() == sent.time->to_string()),
             "the time comes back as it was written");
      expect(found.extensions == sent.extensions, "the extensions come back with their types");
      expect(must::detail::content_equal(found.data, sent.data), "the data comes back as it was");
    };
    check(all[0], full);
    check(all[1], bare);
    if constexpr (std::is_same_v<data_of<F>, payload>) {
      const payload kinds[] = {payload::absent(), payload::null("application/json"),
                               payload("application/octet-stream", std::string("\0\xFF\xFE", 3)),
                               payload("text/plain", ""),
                               payload::erased({"on request", full.time.value()}, "text/plain")};
      for (const auto& kind : kinds) {
        auto one = event<F>("k");
        one.data = kind;
        append<F>(store, one).value();
        expect(read_all<F>(store).back().data == kind, "absent, null, empty, bytes and erased data are kept apart");
      }
    }
  }
  static void a9_readable() {
    F fixture;
    auto& store = fixture.store();
    for (int i = 0; i < 20; ++i) {
      const auto one = event<F>("a", "s");
      const auto done = append<F>(store, one).value();
      position found = 0;
      std::jthread([&] {
        if (const auto event = store.find(one.source, one.id)) found = event->position;
      }).join();
      expect_equal(found, done.first, "an event is found by another thread as soon as its append returns");
      expect(!store.find("/another", one.id), "the same id of another source is another event");
      expect(!store.find(one.source, one.id + "x"), "an id that is not stored is not found");
    }
    const auto all = read_all<F>(store);
    expect(std::is_sorted(all.begin(), all.end(),
                          [](const auto& l, const auto& r) { return l.recorded_at < r.recorded_at; }),
           "recorded_at never decreases with the position");
  }

  static void i1_repeat() {
    F fixture;
    auto& store = fixture.store();
    append<F>(store, event<F>("z", "s")).value();
    const std::vector events{event<F>("a", "s"), event<F>("b", "s")};
    const auto first = append<F>(store, events).value();
    append<F>(store, event<F>("z", "s")).value();
    for (const auto& condition :
         {append_condition{}, append_condition{.streams = {stream_expectation::no_stream("s")}},
          append_condition{.query = query::all()}, append_condition{.query = query::all(), .after = 99}})
      expect(append<F>(store, events, condition).value() == first,
             "a repeat gives the first result, whatever its condition");
    expect_equal(store.head(), position{4}, "head after repeats");
  }
  static void i2_other_content() {
    F fixture;
    auto& store = fixture.store();
    const auto one = event<F>("a", "s", {"t"}, 1);
    append<F>(store, one).value();
    const auto refuse = [&](auto change, const char* what) {
      auto other = one;
      change(other);
      expect_throws<duplicate_id>([&] { static_cast<void>(append<F>(store, other)); }, what);
    };
    refuse([](auto& e) { e.type = "b"; }, "the id with another type");
    refuse([](auto& e) { e.subject = "t"; }, "the id in another stream");
    refuse([](auto& e) { e.tags = {"t", "u"}; }, "the id with other tags");
    refuse([](auto& e) { e.dataschema = "https://example.com"; }, "the id with another dataschema");
    refuse([](auto& e) { e.data = data<F>(2); }, "the id with other data");
    expect_equal(store.head(), position{1}, "head");
    auto elsewhere = one;
    elsewhere.source = "/other";
    expect(append<F>(store, elsewhere).stored(), "the same id of another source is another event");
  }
  static void i3_twice_in_one() {
    F fixture;
    const auto one = event<F>("a");
    expect_throws<duplicate_id>(
        [&] { static_cast<void>(append<F>(fixture.store(), std::vector{one, event<F>("b"), one})); },
        "an id twice in one append");
    expect_equal(fixture.store().head(), position{0}, "head");
  }
  static void i5_overlaps() {
    F fixture;
    auto& store = fixture.store();
    const auto a = event<F>("a"), b = event<F>("b"), c = event<F>("c"), d = event<F>("d");
    append<F>(store, std::vector{a, b, c}).value();
    append<F>(store, d).value();
    for (const auto& events : {std::vector{b, a, c}, std::vector{a, b}, std::vector{b, c}, std::vector{a},
                               std::vector{a, b, c, d}, std::vector{c, d}, std::vector{a, b, c, event<F>("e")},
                               std::vector{event<F>("e"), a}, std::vector{d, event<F>("e")}})
      expect_throws<duplicate_id>([&] { static_cast<void>(append<F>(store, events)); },
                                  "a part, a permutation or a mixture of earlier appends");
    const auto e = event<F>("e"), f = event<F>("f"), g = event<F>("g"), h = event<F>("h");
    append<F>(store, std::vector{e, f}).value();
    append<F>(store, std::vector{g, h}).value();
    expect_throws<duplicate_id>([&] { static_cast<void>(append<F>(store, std::vector{e, h})); },
                                "events of two appends, each in its old place");
    expect_equal(store.head(), position{8}, "head");
  }
  static void i6_order_of_checks() {
    F fixture;
    auto& store = fixture.store();
    const auto one = event<F>("a", "s");
    append<F>(store, one).value();
    append<F>(store, event<F>("a", "s")).value();
    expect(append<F>(store, one, {.streams = {stream_expectation::exactly("s", 5)}}).value().first == 1,
           "a repeat is no conflict");
    auto bad = one;
    bad.type.clear();
    expect_throws<bad_input>([&] { static_cast<void>(append<F>(store, bad)); }, "bad input comes before identity",
                             "type");
    auto other = one;
    other.type = "b";
    expect_throws<duplicate_id>(
        [&] { static_cast<void>(append<F>(store, other, {.streams = {stream_expectation::exactly("s", 9)}})); },
        "identity comes before the condition");
    expect_throws<position_ahead>(
        [&] { static_cast<void>(append<F>(store, event<F>("b"), {.query = query::all(), .after = 3})); },
        "`after` beyond the head");
  }
  static void i7_content() {
    F fixture;
    auto& store = fixture.store();
    auto one = event<F>("a", "s", {"t", "u"});
    append<F>(store, one).value();
    one.time = timestamp::parse("2001-01-01T00:00:00Z").value();
    one.extensions = {{"traceid", std::string("other")}};
    one.tags = {"u", "t", "t"};
    expect(append<F>(store, one).value().first == 1, "time, extensions and the order of tags are no content");
  }
};

}  // namespace must::testing::suite

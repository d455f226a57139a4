// SPDX-License-Identifier: MIT
// Cases A1 to A9 of the storage suite: what an append does.
#pragma once

#include "must/testing/suite/bench.hpp"

#include <string>
#include <vector>

namespace must::testing::detail {

template <typename Bench>
void add_envelope_cases(suite_cases<Bench>& suite) {
  suite.add("A8", "the envelope comes back exactly as it was given", [](Bench& t) {
    std::vector<typename Bench::event> sent;
    sent.push_back(t.make());
    auto full = t.make("com.example.thing-happened/v1", "orders/\xC3\xA4\xE2\x82\xAC\xF0\x9F\x8E\x89", {"b", "a", "\xF0\x9F\x8E\x89"});
    full.dataschema = "https://example.com/schema?a=b&c=%20#d";
    full.time = timestamp::parse("2024-02-29T23:59:59.123456789012+05:30").value();
    full.extensions = {{"aboolean", false},
                       {"another", true},
                       {"aninteger", std::int32_t{-2'147'483'647 - 1}},
                       {"largest", std::int32_t{2'147'483'647}},
                       {"atext", std::string("\"quoted\", \\ \xE2\x82\xAC \xF0\x9F\x8E\x89")},
                       {"nothing", std::string()},
                       {"digits", std::string("17")},
                       {"bytes", binary{std::string("\0\xFF\xC3(\n", 5)}},
                       {"auri", uri{"https://example.com/?q=1#f"}},
                       {"areference", uri_reference{"../x?y"}},
                       {"when", timestamp::parse("1999-12-31T23:59:60Z").value()}};
    sent.push_back(full);
    for (const auto* time : {"1969-07-20T20:17:40Z", "2020-01-01T00:00:00.5-00:00", "0001-01-01T00:00:00Z",
                             "9999-12-31T23:59:59.999999Z"}) {
      auto one = t.make();
      one.time = timestamp::parse(time).value();
      sent.push_back(one);
    }
    t.stored(sent);
    t.expect_events("read", sent, t.log());
    for (const auto& one : sent) expect_same(one, t.find(one));
  });

  suite.add("A8", "absent, null, empty, erased and arbitrary data stay what they are", [](Bench& t) {
    if constexpr (Bench::keeps_payloads) {
      std::vector<typename Bench::event> sent;
      std::string every_byte;
      for (int i = 0; i < 512; ++i) every_byte += static_cast<char>(static_cast<unsigned char>(i));
      const auto when = timestamp::parse("2024-01-01T00:00:00Z").value();
      for (auto& data : std::vector<payload>{payload(), payload::absent("application/json"), payload::null(),
                                             payload::null("application/json"), payload("", ""), payload("text/plain", ""),
                                             payload("application/json", "null"), payload("application/octet-stream", every_byte),
                                             payload("text/plain; charset=utf-8", "\xE2\x82\xAC \xF0\x9F\x8E\x89"),
                                             payload("text/plain", "\xC3("), payload::erased({"on request", when}, "application/json")}) {
        auto one = t.make();
        one.data = data;
        sent.push_back(one);
      }
      t.stored(sent);
      t.expect_events("read", sent, t.log());
      for (const auto& one : sent) expect_same(one, t.find(one));
    } else {
      const auto one = t.make();
      t.stored(one);
      expect_same(one, t.find(one));
    }
  });
}

template <typename Bench>
void add_append_cases(suite_cases<Bench>& suite) {
  using event = typename Bench::event;
  suite.group("append");

  suite.add("A1", "an append returns its first and last position; they start at 1, strictly increase, one append is contiguous", [](Bench& t) {
    expect_equal("the head of an empty store", position{0}, t.store().head());
    std::vector<position> all;
    std::vector<event> sent;
    for (const std::size_t count : {1U, 3U, 2U, 1U}) {
      const auto events = t.some(count);
      const auto at = t.stored(events);
      if (all.empty()) expect_equal("the first position of all", position{1}, at.first);
      expect(at.first > (all.empty() ? 0 : all.back()), "the first position of an append is above the last of the one before");
      expect_equal("the last position of an append of " + show(count), at.first + count - 1, at.last);
      expect_equal("the head after an append", at.last, t.store().head());
      for (auto i = at.first; i <= at.last; ++i) all.push_back(i);
      sent.insert(sent.end(), events.begin(), events.end());
    }
    const auto log = t.log();
    expect_equal("the positions that a read gives", all, Bench::positions(log));
    t.expect_events("read", sent, log);
    for (std::size_t i = 1; i < log.size(); ++i)
      expect(!(log[i].recorded_at < log[i - 1].recorded_at), "recorded_at does not decrease with the position");
  });

  suite.add("A2", "an append of nothing is refused as bad_input, whatever its condition", [](Bench& t) {
    t.append_throws(error_code::bad_input, "events", "an append of nothing", {});
    t.append_throws(error_code::bad_input, "events", "an append of nothing under a condition", {},
                    no_match(query::all(), 0));
    t.append_throws(error_code::bad_input, "events", "an append of nothing with after beyond the head", {},
                    no_match(query::all(), 99));
    t.usable();
  });

  suite.add("A3", "one bad event among good ones: nothing of the append is stored, and its ids stay free", [](Bench& t) {
    t.stored(t.some(2, "s"));
    const auto spoil = [&](const char* field, const char* what, auto change) {
      auto events = t.some(3, "s", {"t"});
      auto good = events;
      change(events[1]);
      t.append_throws(error_code::bad_input, field, what, events);
      for (const auto& one : good) expect(!t.store().find(one.source, one.id), "nothing is stored of an append with " + std::string(what));
      expect(t.read(query::of_tags({"t"}), {.after = t.store().head()}).records.empty(), "a read finds nothing of it");
      good.erase(good.begin() + 1);
      t.stored(good);
    };
    spoil("id", "an empty id", [](event& one) { one.id.clear(); });
    spoil("source", "an empty source", [](event& one) { one.source.clear(); });
    spoil("type", "an empty type", [](event& one) { one.type.clear(); });
    spoil("type", "a type of 513 bytes", [](event& one) { one.type.assign(513, 'x'); });
    spoil("stream", "NUL in a stream", [](event& one) { one.subject = std::string("a\0b", 3); });
    spoil("tag", "a tag that is not UTF-8", [](event& one) { one.tags.insert("\xC3("); });
    spoil("tag", "an empty tag", [](event& one) { one.tags.insert(""); });
    spoil("extension", "an extension with capitals", [](event& one) { one.extensions.emplace("Big", true); });
    spoil("extension", "an extension named like an attribute", [](event& one) { one.extensions.emplace("subject", true); });
    if constexpr (Bench::keeps_payloads)
      spoil("data", "too much data", [&](event& one) { one.data = payload("text/plain", std::string(t.limits().payload_bytes + 1, 'x')); });
    expect_equal("the version of the stream", version{2 + 2 * (Bench::keeps_payloads ? 10 : 9)}, t.store().version("s"));
    t.usable();
  });

  suite.add("A4", "any, no_stream, exists and exactly, on new and on existing streams; the conflict says what is", [](Bench& t) {
    using expect_of = stream_expectation;
    struct row {
      stream_expectation expected;
      bool holds;
      std::optional<version> told;
    };
    const auto check = [&](version at) {
      const auto name = "stream at " + std::to_string(at);
      if (at > 0) t.stored(t.some(at, name));
      for (const auto& row : std::vector<row>{{expect_of::any(name), true, {}},
                                              {expect_of::no_stream(name), at == 0, 0},
                                              {expect_of::exactly(name, 0), at == 0, 0},
                                              {expect_of::exists(name), at != 0, {}},
                                              {expect_of::exactly(name, 1), at == 1, 1},
                                              {expect_of::exactly(name, 2), at == 2, 2},
                                              {expect_of::exactly(name, 3), at == 3, 3}}) {
        // Into another stream, so that this one stays as it is.
        if (row.holds) {
          t.stored(t.in_stream("elsewhere"), streams({row.expected}));
          continue;
        }
        const auto why = t.refused(t.in_stream("elsewhere"), streams({row.expected}));
        expect_equal("the part of the condition that failed", conflict::part::stream, why.failed);
        expect_equal("the stream of the conflict", name, why.stream);
        expect_equal("the expected version of the conflict", row.told, why.expected);
        expect_equal("the actual version of the conflict", at, why.actual);
      }
      t.stored(t.some(2, name), streams({expect_of::exactly(name, at)}));
      expect_equal("the version afterwards", at + 2, t.store().version(name));
    };
    for (version at = 0; at < 4; ++at) check(at);
    expect_equal("the version of a stream that is not there", version{0}, t.store().version("no such stream"));
  });

  suite.add("A5", "of writers that expect the same version of a stream one wins, and the stream has no hole", [](Bench& t) {
    constexpr std::size_t writers = 8;
    for (std::size_t round = 0; round < t.options().rounds; ++round) {
      const auto before = t.store().version("s");
      std::atomic<std::size_t> winners{0};
      race(writers, [&](std::size_t, gate& start) {
        const auto event = t.in_stream("s");
        start.arrive_and_wait();
        const auto done = t.append(event, streams({stream_expectation::exactly("s", before)}));
        if (done) return void(++winners);
        expect_equal("the version that the conflict tells", before + 1, done.why().actual);
        expect_equal("the version that the conflict expected", std::optional(before), done.why().expected);
      });
      expect_equal("the number of winners of " + show(writers), std::size_t{1}, winners.load());
      expect_equal("the version after a race", before + 1, t.store().version("s"));
    }
    version next = 0;
    for (const auto& one : t.read(query::of_stream("s")).records) expect_equal("the version of an event", ++next, one.version);
    expect_equal("the number of events", t.options().rounds, next);
  });

  suite.add("A6", "writers that expect nothing all succeed; versions are dense, positions and recorded_at increase", [](Bench& t) {
    constexpr std::size_t writers = 4, appends = 50;
    std::vector<std::vector<appended>> results(writers);
    race(writers, [&](std::size_t number, gate& start) {
      start.arrive_and_wait();
      for (std::size_t i = 0; i < appends; ++i) results[number].push_back(t.stored(t.some(1 + i % 3, "s")));
    });
    std::size_t total = 0;
    for (const auto& of_one : results)
      for (std::size_t i = 0; i < of_one.size(); ++i) {
        total += of_one[i].last - of_one[i].first + 1;
        if (i > 0) expect(of_one[i].first > of_one[i - 1].last, "the positions of one writer increase");
      }
    const auto log = t.log();
    expect_equal("the number of events", total, log.size());
    for (std::size_t i = 0; i < log.size(); ++i) {
      expect_equal("the version of an event", version{i + 1}, log[i].version);
      if (i == 0) continue;
      expect(log[i].position > log[i - 1].position, "positions increase");
      expect(!(log[i].recorded_at < log[i - 1].recorded_at), "recorded_at does not decrease");
    }
  });

  suite.add("A7", "1, 1,000 and 10,000 events in one append", [](Bench& t) {
    std::vector<event> sent;
    for (const std::size_t count : {std::size_t{1}, std::size_t{1'000}, t.limits().events_per_append}) {
      const auto events = t.some(count, "s" + std::to_string(count), {"t"});
      const auto at = t.stored(events);
      expect_equal("the positions of an append", at.first + count - 1, at.last);
      expect_equal("the version of its stream", version{count}, t.store().version("s" + std::to_string(count)));
      sent.insert(sent.end(), events.begin(), events.end());
    }
    t.expect_events("read by tag", sent, t.read(query::of_tags({"t"})).records);
  });

  suite.add("A9", "success means readable: at once, from every thread and connection", [](Bench& t) {
    const auto look = [&](typename Bench::store_type& store, const event& one, const appended& at, version of_stream) {
      expect(store.head() >= at.last, "the head has come to the event that was stored");
      expect_equal("the version of its stream", of_stream, store.version(one.subject));
      expect(store.find(one.source, one.id).has_value(), "find gives the event that was stored");
      const auto found = t.read(store, query::of_stream(one.subject), {.after = at.first - 1});
      t.expect_events("a read", {one}, found.records);
      expect_equal("its position", at.first, found.records[0].position);
      expect_equal("its version", of_stream, found.records[0].version);
      expect_equal("the number of events that a read with its tags gives", std::size_t{1},
                   t.read(store, query::of_tags({*one.tags.begin()}), {.after = at.first - 1, .until = at.last}).records.size());
    };
    constexpr std::size_t writers = 4;
    race(writers, [&](std::size_t number, gate& start) {
      const auto stream = "s" + std::to_string(number);
      start.arrive_and_wait();
      for (version i = 1; i <= 40; ++i) {
        const auto one = t.make("happened", stream, {"t"});
        const auto at = t.stored(one);
        look(t.store(), one, at, i);
        look(t.other(), one, at, i);
      }
    });
    for (std::size_t i = 0; i < writers; ++i) expect_equal("the version of a stream", version{40}, t.other().version("s" + std::to_string(i)));
  });

  suite.template add_if<Bench::can.durable, Bench::can.durable>("A9", "success means readable after the store was closed and opened again", [](auto& t) {
    const auto events = t.some(3, "s", {"t"});
    const auto at = t.stored(events);
    auto& again = t.fixture().reopen();
    t.expect_events("a read", events, t.read(again, query::all()).records);
    expect_equal("the head", at.last, again.head());
    expect_equal("a repeat", show(append_result(at)), show(t.append(again, events)));
    expect_equal("the version", version{3}, again.version("s"));
  });

  add_envelope_cases(suite);
}

}  // namespace must::testing::detail

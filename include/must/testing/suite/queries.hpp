// SPDX-License-Identifier: MIT
// Cases D1 to D5, D8, D10 and D12 of the storage suite: queries, and append conditions one after another.
#pragma once

#include "must/testing/suite/bench.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace must::testing::detail {

// Each event of the truth table is known by its place: 1 to 9.
template <typename Bench>
std::vector<typename Bench::event> truth_table_events(Bench& t) {
  std::vector<typename Bench::event> all;
  all.push_back(t.make("A", "s1", {"x"}));            // 1
  all.push_back(t.make("A", "s2", {"y"}));            // 2
  all.push_back(t.make("B", "s1", {"x", "y"}));       // 3
  all.push_back(t.make("B", "", {"z"}));              // 4
  all.push_back(t.make("C", "s2", {"x", "y", "z"}));  // 5
  all.push_back(t.make("C", "s1"));                   // 6
  all.push_back(t.make("A", "", {"x"}));              // 7
  all.push_back(t.make("D"));                         // 8
  all.push_back(t.make("a", "S1", {"X", "xx"}));      // 9: near, and not the same
  return all;
}

struct truth {
  query which;
  std::vector<std::size_t> places;
};
inline std::vector<truth> truth_table() {
  using item = query_item;
  return {{query::all(), {1, 2, 3, 4, 5, 6, 7, 8, 9}},
          {query(), {}},
          {query::of_types({"A"}), {1, 2, 7}},
          {query::of_types({"A", "B"}), {1, 2, 3, 4, 7}},
          {query::of_types({"B", "A", "B"}), {1, 2, 3, 4, 7}},
          {query::of_types({"none"}), {}},
          {query::of_types({"none", "D"}), {8}},
          {query::of_tags({"x"}), {1, 3, 5, 7}},
          {query::of_tags({"x", "y"}), {3, 5}},
          {query::of_tags({"y", "x", "y"}), {3, 5}},
          {query::of_tags({"x", "y", "z"}), {5}},
          {query::of_tags({"x", "none"}), {}},
          {query::of_tags({"xx"}), {9}},
          {query::of_stream("s1"), {1, 3, 6}},
          {query::of_stream("S1"), {9}},
          {query::of_stream("none"), {}},
          {{item{.types = {"A"}, .tags = {"x"}}}, {1, 7}},
          {{item{.types = {"A", "C"}, .tags = {"x", "y"}}}, {5}},
          {{item{.types = {"B"}, .stream = "s1"}}, {3}},
          {{item{.tags = {"x"}, .stream = "s1"}}, {1, 3}},
          {{item{.tags = {"x", "y"}, .stream = "s2"}}, {5}},
          {{item{.types = {"A", "B"}, .tags = {"x"}, .stream = "s1"}}, {1, 3}},
          {{item{.types = {"D"}, .stream = "s1"}}, {}},
          {{item{.types = {"A"}}, item{.types = {"B"}}}, {1, 2, 3, 4, 7}},
          {{item{.types = {"B"}}, item{.types = {"A"}}}, {1, 2, 3, 4, 7}},
          {{item{.types = {"A"}}, item{.tags = {"x"}}, item{.stream = "s1"}}, {1, 2, 3, 5, 6, 7}},
          {{item{.tags = {"x"}}, item{.tags = {"x"}}, item{.tags = {"x", "y"}}}, {1, 3, 5, 7}},
          {{item{.tags = {"y"}}, item{.tags = {"z"}}}, {2, 3, 4, 5}},
          {{item{.tags = {"x", "z"}}, item{.types = {"none"}}, item{.stream = "none"}}, {5}},
          {query::of_stream("s2") | query::of_types({"D"}), {2, 5, 8}},
          {query::of_types({"D"}) | query::all(), {1, 2, 3, 4, 5, 6, 7, 8, 9}},
          {query::of_types({"D"}) | query(), {8}}};
}

template <typename Bench>
void add_read_query_cases(suite_cases<Bench>& suite) {
  using event = typename Bench::event;
  suite.add("D1", "truth table of queries: types OR, tags AND, items OR, stream; ascending, each event once", [](Bench& t) {
    const auto sent = truth_table_events(t);
    for (const auto& one : sent) t.stored(one);
    for (const auto& row : truth_table()) {
      std::vector<event> expected;
      for (const auto place : row.places) expected.push_back(sent[place - 1]);
      t.expect_events(show(row.which), expected, t.read(row.which).records);
      std::reverse(expected.begin(), expected.end());
      t.expect_events(show(row.which) + " backwards", expected, t.read(row.which, {.order = direction::backwards}).records);
    }
  });

  suite.add("D1", "an empty item and empty names are refused in queries and in conditions", [](Bench& t) {
    t.stored(t.make("A", "s", {"x"}));
    const auto check = [&](const char* field, const query& which) {
      t.throws(error_code::bad_input, field, "a read of " + show(which), [&] { static_cast<void>(t.read(which)); });
      t.append_throws(error_code::bad_input, field, "an append under " + show(which), {t.make()}, no_match(which, 0));
    };
    check("query", {query_item{}});
    check("query", {query_item{.types = {"A"}}, query_item{}});
    check("type", query::of_types({"A", ""}));
    check("tag", query::of_tags({""}));
    check("stream", query::of_stream(""));
    check("tag", query::of_tags({"\xFF"}));
    check("type", query::of_types({std::string("A\0", 2)}));
    check("stream", query::of_stream(std::string(513, 's')));
    t.usable();
  });

  suite.add("D2", "forwards and backwards, after, until, limit: the window, in order", [](Bench& t) {
    const auto sent = truth_table_events(t);
    std::vector<position> at;
    for (const auto& one : sent) at.push_back(t.stored(one).last);
    const auto head = at.back();
    const auto edge = [&](std::size_t place) { return place == 0 ? position{0} : at[place - 1]; };
    for (const auto& row : {truth_table()[0], truth_table()[7], truth_table()[25], truth_table()[1]})
      for (std::size_t after = 0; after <= 9; ++after)
        for (std::size_t until = after; until <= 10; ++until)
          for (const std::int64_t limit : {-1, 0, 1, 2, 3, 9, 10})
            for (const auto order : {direction::forwards, direction::backwards}) {
              const auto last = until == 10 ? std::numeric_limits<position>::max() : edge(until);
              read_options how{.order = order, .after = edge(after), .until = last};
              if (limit >= 0) how.limit = limit;
              std::vector<position> expected;
              for (const auto place : row.places)
                if (at[place - 1] > how.after && at[place - 1] <= last) expected.push_back(at[place - 1]);
              if (order == direction::backwards) std::reverse(expected.begin(), expected.end());
              const bool complete = !how.limit || (limit > 0 && static_cast<std::size_t>(limit) > expected.size());
              if (!complete) expected.resize(static_cast<std::size_t>(limit));
              const auto end = std::min(last, head);
              const auto near_edge = order == direction::forwards ? how.after : end;
              const auto far_edge = order == direction::forwards ? end : how.after;
              const auto scanned = complete ? far_edge : expected.empty() ? near_edge : expected.back();
              const auto found = t.read(row.which, how);
              const auto what = show(row.which) + " " + show(how);
              expect_equal("the positions of " + what, expected, Bench::positions(found.records));
              expect_equal("the result of " + what, show(read_result{head, scanned, complete}), show(found.result));
            }
  });

  suite.add("D12", "names that are long, many or strange select exactly their events", [](Bench& t) {
    const std::vector<std::string> names = {"%", "_", "a%", "a_b", "a", "A", "ab", "a,b", "a\"b", "a'b", "'; DROP TABLE events; --", "a\\b",
                                            "a\\", "{a}", "[a]", "a:b", "a b", " a", "a ", "\t", "\n", "\x01", "\x7F", "NULL", "null",
                                            "\xC3\xA4", "a\xCC\x88", "\xF0\x9F\x8E\x89", "\xEF\xBB\xBF", "*", "?", ".", "..", "/",
                                            "$1", ":a", "@a", "0", "-1", "1e3", std::string(512, 'a'), std::string(511, 'a'),
                                            std::string(511, 'a') + "b", std::string(255, 'a'), std::string(256, 'a')};
    for (const auto& name : names) t.stored(t.make(name, name, {name}));
    for (const auto& name : names)
      for (const auto& which : {query::of_types({name}), query::of_tags({name}), query::of_stream(name)}) {
        const auto found = t.read(which).records;
        expect_equal("the number of events of " + show(which), std::size_t{1}, found.size());
        expect_equal("the type of the event of " + show(which), name, found[0].type);
        expect_equal("the stream of the event of " + show(which), name, found[0].subject);
        expect_equal("the tags of the event of " + show(which), name, *found[0].tags.begin());
        expect_equal("the version of stream " + show(name), version{1}, t.store().version(name));
        expect_equal("the position that conflicts with " + show(which), found[0].position, t.refused(t.make(), no_match(which, 0)).actual);
        t.stored(t.make(), no_match(which, found[0].position));
      }
    auto many = t.make();
    std::vector<std::string> tags;
    for (std::size_t i = 0; i < t.limits().tags_per_event; ++i) tags.push_back("tag " + std::to_string(i));
    many.tags = tag_set(tags);
    t.stored(many);
    expect_same<typename Bench::data_type>(many, t.find(many));
    for (const auto* tag : {"tag 0", "tag 500", "tag 999"})
      t.expect_events("the event with many tags", {many}, t.read(query::of_tags({tag})).records);
    t.expect_events("the event with all of its tags", {many}, t.read(query::of_tags(tags)).records);
    tags.push_back("tag that it does not have");
    expect(t.read(query::of_tags(tags)).records.empty(), "one more tag selects nothing");
  });
}

template <typename Bench>
void add_condition_cases(suite_cases<Bench>& suite) {
  suite.add("D3", "truth table of conditions, with and without after; the conflict tells the last position that matches", [](Bench& t) {
    std::vector<position> at;
    for (const auto& one : truth_table_events(t)) at.push_back(t.stored(one).last);
    for (const auto& row : truth_table())
      for (std::size_t after = 0; after <= 9; ++after) {
        if (row.places.empty() || row.places.back() <= after) continue;
        const auto condition = no_match(row.which, after == 0 ? 0 : at[after - 1]);
        const auto why = t.refused(t.make("unrelated"), condition);
        expect_equal("the part that failed of " + show(condition), conflict::part::query, why.failed);
        expect_equal("the position that conflicts with " + show(condition), at[row.places.back() - 1], why.actual);
        expect_equal("after in the conflict", condition.after, why.after);
      }
    for (const auto& row : truth_table())
      for (std::size_t after = 0; after <= 9; ++after) {
        if (row.which.is_all() || (!row.places.empty() && row.places.back() > after)) continue;
        t.stored(t.make("unrelated"), no_match(row.which, after == 0 ? 0 : at[after - 1]));
      }
    t.stored(t.make("unrelated"), no_match(query::all(), t.store().head()));
  });

  suite.add("D3", "after beyond the head is position_ahead, and never holds", [](Bench& t) {
    t.append_throws(error_code::position_ahead, "", "after 1 in an empty store", t.some(1), no_match(query::all(), 1));
    const auto at = t.stored(t.some(2, "s", {"t"}));
    for (const auto& which : {query::all(), query::of_tags({"t"}), query::of_tags({"none"})})
      for (const auto after : {at.last + 1, at.last + 1'000, position{1} << 62U}) {
        const auto why = t.append_throws(error_code::position_ahead, "", "after " + show(after), t.some(1), no_match(which, after));
        expect_equal("the head that the error tells", std::optional<std::uint64_t>(at.last), why.actual);
        expect_equal("the position that the error tells", std::optional<std::uint64_t>(after), why.expected);
      }
    t.stored(t.make(), no_match(query::all(), at.last));
    t.usable();
  });

  suite.add("D3", "of several expectations the first that fails is named, streams before the query", [](Bench& t) {
    using expect_of = stream_expectation;
    t.stored(t.some(2, "two"));
    const auto head = t.stored(t.some(1, "one")).last;
    t.stored(t.make("happened", "three"), streams({expect_of::exactly("two", 2), expect_of::exactly("one", 1), expect_of::no_stream("three")}));
    t.refused(t.make(), no_match(query::all(), head));
    const auto check = [&](const std::vector<stream_expectation>& all, const char* stream, version actual) {
      for (const auto& which : {query(), query::all()}) {
        const auto why = t.refused(t.make("happened", "four"), {.query = which, .after = 0, .streams = all});
        expect_equal("the part that failed", conflict::part::stream, why.failed);
        expect_equal("the stream of the conflict", stream, why.stream);
        expect_equal("the actual version", actual, why.actual);
      }
    };
    check({expect_of::exactly("two", 2), expect_of::exactly("one", 2)}, "one", 1);
    check({expect_of::exactly("two", 1), expect_of::exactly("one", 2)}, "two", 2);
    check({expect_of::exactly("one", 2), expect_of::exactly("two", 1)}, "one", 1);
    check({expect_of::any("one"), expect_of::no_stream("four"), expect_of::exists("five")}, "five", 0);
    check({expect_of::exactly("one", 1), expect_of::exactly("one", 2)}, "one", 1);
    const auto why = t.refused(t.make(), {.query = query::of_stream("two"), .after = 1, .streams = {expect_of::exactly("two", 2)}});
    expect_equal("the part that failed when the streams are as expected", conflict::part::query, why.failed);
    expect_equal("the version of a stream of refused appends", version{0}, t.store().version("four"));
  });

  suite.add("D4", "a read that found nothing guards all the same", [](Bench& t) {
    const auto boundary = query{query_item{.types = {"taken"}, .tags = {"seat:1"}}};
    expect_equal("the head of an empty read", position{0}, t.read(boundary).result.head);
    t.stored(t.make("taken", "", {"seat:1", "by:a"}), no_match(boundary, 0));
    t.refused(t.make("taken", "", {"seat:1", "by:b"}), no_match(boundary, 0));
    const auto other = query::of_tags({"seat:2"});
    const auto seen = t.read(other).result.head;
    t.stored(t.make("taken", "", {"seat:2"}));
    t.refused(t.make("taken", "", {"seat:2"}), no_match(other, seen));
    t.refused(t.make("taken", "", {"seat:2"}), no_match(other, 0));
  });

  suite.add("D5", "an append does not trip over itself", [](Bench& t) {
    const auto condition = [](position after) { return no_match(query::of_tags({"t"}), after); };
    const auto first = t.stored(t.some(3, "s", {"t"}), condition(0));
    t.stored(t.some(2, "s", {"t"}), condition(first.last));
    t.refused(t.make("happened", "s", {"t"}), condition(first.last));
    t.stored(t.some(3, "n"), streams({stream_expectation::no_stream("n")}));
    expect_equal("the version of a stream that three events started", version{3}, t.store().version("n"));
  });

  suite.add("D8", "write skew: of two appends that touch each other's boundary the second loses", [](Bench& t) {
    struct side {
      const char* type;
      tag_set tags;
      query which;
    };
    const auto check = [&](const side& left, const side& right) {
      for (const bool turned : {false, true}) {
        const auto& first = turned ? right : left;
        const auto& second = turned ? left : right;
        const auto seen = t.store().head();
        t.stored(t.make(first.type, "", first.tags), no_match(first.which, seen));
        t.refused(t.make(second.type, "", second.tags), no_match(second.which, seen));
      }
    };
    check({"e", {"b"}, query::of_tags({"a"})}, {"e", {"a"}, query::of_tags({"b"})});
    check({"B", {}, query::of_types({"A"})}, {"A", {}, query::of_types({"B"})});
    check({"e", {"a", "b", "c"}, query::of_tags({"a"})}, {"e", {"b", "a", "d"}, query::of_tags({"b"})});
    check({"B", {"t"}, {query_item{.types = {"A"}, .tags = {"t"}}}}, {"A", {"t"}, {query_item{.types = {"B"}, .tags = {"t"}}}});
    check({"e", {"a", "b"}, query::of_tags({"a", "b"})}, {"e", {"a", "b", "c"}, query::of_tags({"b"})});
    check({"e", {"a"}, {query_item{.tags = {"b"}}, query_item{.tags = {"a"}}}}, {"e", {"a", "z"}, query::of_tags({"a"})});
    const auto seen = t.store().head();
    t.stored(t.make("A", "", {"u"}), no_match({query_item{.types = {"B"}, .tags = {"t"}}}, seen));
    t.stored(t.make("B", "", {"v"}), no_match({query_item{.types = {"A"}, .tags = {"t"}}}, seen));
  });

  suite.add("D10", "an unconditional append of a matching event makes a pending condition fail", [](Bench& t) {
    const auto which = query{query_item{.types = {"A"}, .tags = {"t"}}};
    t.stored(t.make("A", "", {"t"}), no_match(which, 0));
    auto seen = t.read(which).result.head;
    t.stored({t.make("B", "", {"t"}), t.make("A", "", {"u"})});
    t.stored(t.make("A", "", {"t"}));
    t.refused(t.make("A", "", {"t"}), no_match(which, seen));
    seen = t.read(which).result.head;
    t.stored(t.make("C"));
    t.stored(t.make("A", "", {"t"}), no_match(which, seen));
  });
}

template <typename Bench>
void add_query_cases(suite_cases<Bench>& suite) {
  suite.group("query");
  add_read_query_cases(suite);
  add_condition_cases(suite);
}

}  // namespace must::testing::detail

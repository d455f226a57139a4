// SPDX-License-Identifier: MIT
// The storage suite: queries and conditions, and reading (cases D and R that need one thread).
#pragma once

#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/storage.hpp"
#include "must/testing/suite/expect.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace must::testing::suite {

template <typename F>
struct query_cases {
  using positions_type = std::vector<position>;

  // 1: a s1 {x}, 2: b s1 {x, y}, 3: a s2 {y}, 4: c - {}, 5: b s2 {x, y, z}, 6: a s1 {z}
  static void fill(store_of<F>& store) {
    append<F>(store,
              std::vector{event<F>("a", "s1", {"x"}), event<F>("b", "s1", {"x", "y"}), event<F>("a", "s2", {"y"})})
        .value();
    append<F>(store, std::vector{event<F>("c"), event<F>("b", "s2", {"x", "y", "z"}), event<F>("a", "s1", {"z"})})
        .value();
  }
  struct row {
    query which;
    positions_type expected;
  };
  static std::vector<row> truth_table() {
    return {{query::all(), {1, 2, 3, 4, 5, 6}},
            {query{}, {}},
            {query::of_types({"a"}), {1, 3, 6}},
            {query::of_types({"a", "c"}), {1, 3, 4, 6}},
            {query::of_types({"a", "a"}), {1, 3, 6}},
            {query::of_types({"nothing"}), {}},
            {query::of_tags({"x"}), {1, 2, 5}},
            {query::of_tags({"x", "y"}), {2, 5}},
            {query::of_tags({"x", "y", "z"}), {5}},
            {query::of_tags({"x", "nothing"}), {}},
            {query::of_stream("s1"), {1, 2, 6}},
            {query::of_stream("nothing"), {}},
            {query{{.types = {"a"}, .tags = {"x"}}}, {1}},
            {query{{.types = {"a", "nothing"}, .tags = {"y"}}}, {3}},
            {query{{.types = {"b"}, .stream = "s2"}}, {5}},
            {query{{.tags = {"z"}, .stream = "s1"}}, {6}},
            {query{{.types = {"a"}}, {.tags = {"x"}}}, {1, 2, 3, 5, 6}},
            {query{{.tags = {"x"}}, {.types = {"a"}}}, {1, 2, 3, 5, 6}},
            {query{{.types = {"a"}}, {.types = {"a"}}}, {1, 3, 6}},
            {query{{.stream = "s1"}, {.stream = "s2"}, {.types = {"c"}}}, {1, 2, 3, 4, 5, 6}}};
  }

  static void d1_truth_table() {
    F fixture;
    auto& store = fixture.store();
    fill(store);
    for (const auto& [which, expected] : truth_table()) {
      expect_equal(positions<F>(store, which), expected, "the matches of a query");
      expect_equal(positions<F>(store, which, {.order = direction::backwards}),
                   positions_type(expected.rbegin(), expected.rend()), "the matches of a query, backwards");
    }
    expect_throws<bad_input>([&] { static_cast<void>(positions<F>(store, query{query_item{}})); }, "an empty item",
                             "query");
    expect_throws<bad_input>([&] { static_cast<void>(positions<F>(store, query::of_tags({""}))); }, "an empty tag",
                             "tag");
    expect_throws<bad_input>([&] { static_cast<void>(positions<F>(store, query::of_stream(""))); }, "an empty stream",
                             "stream");
    expect_throws<bad_input>([&] { static_cast<void>(append<F>(store, event<F>("a"), {.query = {query_item{}}})); },
                             "an empty item in a condition", "query");
  }

  static void d2_windows() {
    F fixture;
    auto& store = fixture.store();
    fill(store);
    for (const auto& [which, expected] : truth_table())
      for (const auto order : {direction::forwards, direction::backwards})
        for (const position after : std::vector<position>{0, 1, 3, 6, 9})
          for (const position until : std::vector<position>{0, 2, 5, 6, 100})
            for (const std::optional<std::int64_t> limit :
                 {std::optional<std::int64_t>{}, std::optional<std::int64_t>{0}, std::optional<std::int64_t>{1},
                  std::optional<std::int64_t>{2}}) {
              positions_type wanted;
              for (const auto at : expected)
                if (at > after && at <= until)
                  wanted.insert(order == direction::forwards ? wanted.end() : wanted.begin(), at);
              const bool cut = limit && static_cast<std::size_t>(*limit) <= wanted.size();
              if (cut) wanted.resize(static_cast<std::size_t>(*limit));
              positions_type found;
              const auto done =
                  store.read(which, {.order = order, .after = after, .until = until, .limit = limit},
                             [&](const recorded<data_of<F>>& record) { found.push_back(record.position); });
              expect_equal(found, wanted, "the matches in a window");
              expect_equal(done.head, position{6}, "the head of a read");
              if (limit == 0) continue;
              expect_equal(done.complete, !cut, "whether a read is complete");
              const auto end = std::min<position>(until, 6);
              expect_equal(done.scanned, cut ? found.back() : order == direction::forwards ? end : after, "scanned");
            }
    expect_throws<bad_input>([&] { static_cast<void>(positions<F>(store, query::all(), {.limit = -1})); },
                             "a negative limit", "limit");
  }

  static void d3_conditions() {
    for (const auto& [which, expected] : truth_table())
      for (const position after : std::vector<position>{0, 1, 2, 3, 4, 5, 6}) {
        F fixture;
        auto& store = fixture.store();
        fill(store);
        const auto last = expected.empty() ? 0 : expected.back();
        const auto done = append<F>(store, event<F>("new"), {.query = which, .after = after});
        expect_equal(done.stored(), last <= after, "whether the condition holds");
        if (done) continue;
        expect(done.why().failed == conflict::part::query, "the conflict names the query");
        expect_equal(done.why().actual, last, "the conflict names the last position that matches");
        expect_equal(store.head(), position{6}, "head after a conflict");
      }
    F fixture;
    auto& store = fixture.store();
    fill(store);
    const auto two =
        append<F>(store, event<F>("new"),
                  {.streams = {stream_expectation::exactly("s1", 3), stream_expectation::exactly("s2", 9)}});
    expect(!two && two.why().stream == "s2" && two.why().actual == 2,
           "of several expectations the conflict names the one that failed");
  }

  static void d4_empty_boundary() {
    F fixture;
    auto& store = fixture.store();
    const append_condition nothing_yet{.query = query::of_tags({"new"}), .after = store.head()};
    expect(append<F>(store, event<F>("a", {}, {"new"}), nothing_yet).stored(),
           "the first append to an empty boundary holds");
    expect(!append<F>(store, event<F>("a", {}, {"new"}), nothing_yet), "an empty read guards: the second conflicts");
  }
  static void d5_not_over_itself() {
    F fixture;
    auto& store = fixture.store();
    const auto done = append<F>(store, std::vector{event<F>("a", "s", {"t"}), event<F>("a", "s", {"t"})},
                                {.query = query::of_tags({"t"}), .streams = {stream_expectation::no_stream("s")}});
    expect(done.stored(), "an append does not trip over its own events");
  }
  static void d13_history() {
    F fixture;
    auto& store = fixture.store();
    const auto last = [&](bool asked) {
      return store.read(query(), {.with_last_event = asked}, [](const auto&) {}).last_event.value_or(seen_event{9});
    };
    expect(last(true) == seen_event{}, "an empty store has no last event");
    const auto a = event<F>("a", "s"), b = event<F>("b", "s"), c = event<F>("c", "s");
    append<F>(store, std::vector{a, b}).value();
    const auto seen = [](position at, const auto& of) { return seen_event{at, of.source, of.id}; };
    expect_equal(last(false).position, position{9}, "a read that does not ask for the last event is not told");
    expect_equal(last(true).position, position{2}, "the position of the last event");
    const auto lost = [&](const std::vector<seen_event>& all, position where, const char* what) {
      const auto done =
          append<F>(store, c, {.query = query::all(), .streams = {stream_expectation::exactly("s", 9)}, .seen = all});
      expect(!done && done.why().failed == conflict::part::history, what);
      expect_equal(done.why().after, where, "the conflict names the position that was seen");
      expect_equal(done.why().actual, position{2}, "the conflict names the head");
      expect_equal(done.why().stream, std::string(), "the conflict names no stream");
    };
    auto elsewhere = seen(2, b);
    elsewhere.source = "/elsewhere";
    lost({seen(2, a)}, 2, "an event that was seen elsewhere");
    lost({seen(1, c)}, 1, "an event that is not there, at a position that is taken");
    lost({seen(3, c)}, 3, "an event that was seen above the head");
    lost({elsewhere}, 2, "an event of another source");
    lost({last(true), seen(1, b)}, 1, "the second of two that were seen");
    expect_equal(store.head(), position{2}, "head after conflicts");
    expect_throws<position_ahead>(
        [&] { static_cast<void>(append<F>(store, c, {.query = query::all(), .after = 3, .seen = {last(true)}})); },
        "a position ahead");
    auto nameless = last(true);
    nameless.id.clear();
    expect_throws<bad_input>([&] { static_cast<void>(append<F>(store, c, {.seen = {nameless}})); },
                             "an event without an id", "seen.id");
    expect_throws<bad_input>([&] { static_cast<void>(append<F>(store, c, {.seen = {seen_event{}}})); }, "no event",
                             "seen.position");
    expect(append<F>(store, c, {.seen = {seen(1, a), last(true)}}).stored(), "events that are there");
    const auto again = append<F>(store, c, {.seen = {seen(3, a)}});
    expect(again.stored() && again->first == 3, "a repeat gives the first result, whatever was seen");
    if constexpr (F::capabilities.batches) d13_in_a_batch(store, last(true));
  }
  static void d13_in_a_batch(auto& store, const seen_event& last) {
    auto one = event<F>("x"), two = event<F>("x"), three = event<F>("x");
    auto lost = last;
    lost.id += "x";
    std::vector<batch_item<data_of<F>>> items{{std::span(&one, 1), {.seen = {last, last}}},
                                              {std::span(&two, 1), {.seen = {last, lost}}},
                                              {std::span(&three, 1), {.seen = {last}}}};
    const auto done = store.append_batch(std::span(items));
    expect(done[0] && done[0]->stored() && done[2] && done[2]->stored(), "items of a batch whose events are there");
    expect(done[1] && !done[1]->stored() && done[1]->why().failed == conflict::part::history,
           "an item of a batch that has seen what is not there");
  }
  static void d8_more_tags_than_named() {
    F fixture;
    auto& store = fixture.store();
    append<F>(store, event<F>("a", {}, {"p", "q", "r"})).value();
    expect(!append<F>(store, event<F>("b"), {.query = query::of_tags({"q"})}),
           "an event with more tags than the condition names is seen");
    expect(!append<F>(store, event<F>("b"), {.query = query{{.types = {"b"}}, {.tags = {"p", "r"}}}}), "by each item");
    expect(append<F>(store, event<F>("b"), {.query = query{{.types = {"b"}, .tags = {"q"}}}}).stored(),
           "and only by items that match");
  }
  static void d10_unconditional() {
    F fixture;
    auto& store = fixture.store();
    const append_condition pending{.query = query::of_types({"a"}), .after = store.head()};
    append<F>(store, event<F>("a")).value();
    expect(!append<F>(store, event<F>("a"), pending), "an unconditional append makes a pending condition fail");
  }

  static void r1_stream_windows() {
    F fixture;
    auto& store = fixture.store();
    for (int i = 0; i < 10; ++i)
      append<F>(store, std::vector{event<F>("a", "s", {}, 1), event<F>("a", "other")}).value();
    const auto versions = [&](const read_options& options) {
      std::vector<version> found;
      static_cast<void>(store.read(query::of_stream("s"), options,
                                   [&](const recorded<data_of<F>>& record) { found.push_back(record.version); }));
      return found;
    };
    expect_equal(versions({.after_version = 3, .until_version = 6}), std::vector<version>{4, 5, 6},
                 "a window of versions");
    expect_equal(versions({.order = direction::backwards, .after_version = 7}), std::vector<version>{10, 9, 8},
                 "a window of versions, backwards");
    expect_equal(versions({.after_version = 2, .until_version = 9, .limit = 2}), std::vector<version>{3, 4},
                 "a window with a limit");
    expect_equal(versions({.after = 5, .until = 12, .after_version = 2, .until_version = 20}),
                 std::vector<version>{4, 5, 6}, "versions and positions");
    expect_throws<bad_input>(
        [&] { static_cast<void>(positions<F>(store, query::of_types({"a"}), {.after_version = 1})); },
        "a window of versions without a stream", "after_version");
    // In batches, as a subscription reads.
    for (const std::int64_t batch : {1, 2, 7, 100}) {
      positions_type found;
      position after = 0;
      for (bool complete = false; !complete;) {
        const auto done = store.read(query::of_stream("s"), {.after = after, .limit = batch},
                                     [&](const recorded<data_of<F>>& record) { found.push_back(record.position); });
        complete = done.complete;
        after = done.scanned;
      }
      expect_equal(found.size(), std::size_t{10}, "a stream read in batches");
    }
  }
  static void r2_head_is_fixed() {
    F fixture;
    auto& store = fixture.store();
    fill(store);
    positions_type found;
    const auto done = store.read(query::all(), {}, [&](const recorded<data_of<F>>& record) {
      found.push_back(record.position);
      append<F>(store, event<F>("a", "s1", {"x"})).value();
    });
    expect_equal(found, positions_type{1, 2, 3, 4, 5, 6}, "a read does not see beyond its head");
    expect(done.head == 6 && done.complete, "and is complete at it");
    expect_equal(store.head(), position{12}, "its visitor may append");
  }
  static void r3_global_order() {
    F fixture;
    auto& store = fixture.store();
    for (int i = 0; i < 20; ++i)
      append<F>(store, std::vector{event<F>("a", "s1"), event<F>("a", "s2"), event<F>("a", "s1")}).value();
    version seen[2] = {0, 0};
    for (const auto& record : read_all<F>(store)) {
      auto& last = seen[record.subject == "s2"];
      expect(record.version == ++last, "order in a stream is the global order");
    }
  }
  static void r4_visitors() {
    F fixture;
    auto& store = fixture.store();
    fill(store);
    int visited = 0;
    const auto stopped = store.read(query::all(), {}, [&](const recorded<data_of<F>>&) { return ++visited < 2; });
    expect(visited == 2 && stopped.scanned == 2 && !stopped.complete, "a visitor stops a read");
    struct thrown {};
    try {
      static_cast<void>(store.read(query::all(), {}, [](const recorded<data_of<F>>&) { throw thrown{}; }));
      expect(false, "what a visitor throws passes through");
    } catch (const thrown&) {}
    static_cast<void>(store.read(query::all(), {}, [&](const recorded<data_of<F>>& record) {
      expect(positions<F>(store, query::all()).size() >= 6 && store.find(record.source, record.id).has_value() &&
                 store.version("s1") >= 3,
             "a visitor may read");
      append<F>(store, event<F>("n")).value();
    }));
    expect_equal(store.head(), position{12}, "and append");
  }
  // Where a read has come to, when its visitor stops it: by any query, in both directions, after any event.
  static void r5_scanned() {
    F fixture;
    auto& store = fixture.store();
    fill(store);
    for (const auto& [which, expected] : truth_table())
      for (const auto order : {direction::forwards, direction::backwards})
        for (std::size_t stop_after = 1; stop_after <= expected.size(); ++stop_after) {
          positions_type found;
          const auto done = store.read(which, {.order = order}, [&](const recorded<data_of<F>>& record) {
            found.push_back(record.position);
            return found.size() < stop_after;
          });
          const auto last =
              order == direction::forwards ? expected[stop_after - 1] : expected[expected.size() - stop_after];
          expect_equal(found.size(), stop_after, "visits of a visitor that stops");
          expect_equal(done.scanned, last, "where a read that was stopped has come to");
          expect(!done.complete && done.head == 6, "a read that was stopped is not complete");
        }
  }
};

}  // namespace must::testing::suite

// SPDX-License-Identifier: MIT
// The order of checks, as one table: an append that is wrong in several ways is answered by the first of them.
#pragma once

#include "must/must.hpp"

#include "support/catch.hpp"

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace must_test {

struct judged_append {
  std::string says;
  std::vector<must::cloud_event> events;
  must::append_condition condition;
  std::string answer;
};

inline must::cloud_event judged_event(std::string id, std::string stream = "s", must::tag_set tags = {"t"}) {
  must::cloud_event made;
  made.id = std::move(id);
  made.source = "/order";
  made.type = "E";
  made.subject = std::move(stream);
  made.tags = std::move(tags);
  made.data = must::payload("text/plain", made.id);
  return made;
}

// What is stored before: "1" alone, then "2" and "3" in one append; "s" is at version 2, "u" at version 1.
inline std::vector<std::vector<must::cloud_event>> stored_before() {
  return {{judged_event("1")}, {judged_event("2"), judged_event("3", "u", {})}};
}

inline std::vector<judged_append> judged_appends() {
  using expect = must::stream_expectation;
  const auto tagged = must::query::of_tags({"t"}), none = must::query::of_tags({"none"});
  const must::append_condition ahead{.query = tagged, .after = 9, .streams = {expect::no_stream("s")}};
  const must::append_condition stream{.query = tagged, .after = 0, .streams = {expect::no_stream("s")}};
  auto other = judged_event("1");
  other.data = must::payload("text/plain", "other");
  auto unnamed = judged_event("1");
  unnamed.type.clear();
  return {
      {"input comes before identity", {unnamed, unnamed}, ahead, "bad_input type"},
      {"an id that stands twice comes before a position ahead",
       {judged_event("4"), judged_event("4")},
       ahead,
       "duplicate"},
      {"other content comes before a position ahead", {other}, ahead, "duplicate"},
      {"a known id beside a new one comes before a position ahead",
       {judged_event("1"), judged_event("4")},
       ahead,
       "duplicate"},
      {"a part of an append comes before a position ahead", {judged_event("2")}, ahead, "duplicate"},
      {"another order comes before a position ahead",
       {judged_event("3", "u", {}), judged_event("2")},
       ahead,
       "duplicate"},
      {"a repeat comes before a position ahead", {judged_event("1")}, ahead, "stored 1-1"},
      {"a repeat of two comes before a position ahead",
       {judged_event("2"), judged_event("3", "u", {})},
       ahead,
       "stored 2-3"},
      {"a repeat comes before a stream", {judged_event("1")}, stream, "stored 1-1"},
      {"a position ahead comes before a stream", {judged_event("4")}, ahead, "ahead 9 of 3"},
      {"a position ahead needs no query", {judged_event("4")}, {.after = 4}, "ahead 4 of 3"},
      {"the head is not ahead", {judged_event("4")}, {.query = tagged, .after = 3}, "stored 4-4"},
      {"a stream comes before the query", {judged_event("4")}, stream, "stream s at 2"},
      {"the first stream that does not hold is named",
       {judged_event("4")},
       {.query = tagged,
        .streams = {expect::any("s"), expect::exactly("u", 1), expect::exactly("s", 1), expect::no_stream("u")}},
       "stream s at 2"},
      {"a stream that is not there is named",
       {judged_event("4")},
       {.streams = {expect::exists("none")}},
       "stream none at 0"},
      {"the last event of the query is named", {judged_event("4")}, {.query = tagged}, "query after 0 at 2"},
      {"the query looks above its position", {judged_event("4")}, {.query = tagged, .after = 1}, "query after 1 at 2"},
      {"every event is in query::all()",
       {judged_event("4")},
       {.query = must::query::all(), .after = 2},
       "query after 2 at 3"},
      {"of several items the last event is named",
       {judged_event("4")},
       {.query = tagged | none | must::query::of_stream("u")},
       "query after 0 at 3"},
      {"no items match nothing", {judged_event("4")}, {.query = must::query()}, "stored 4-4"},
      {"what holds is stored",
       {judged_event("4"), judged_event("5", "")},
       {.query = none, .streams = {expect::exactly("s", 2), expect::exists("u"), expect::no_stream("v")}},
       "stored 4-5"},
  };
}

inline std::string in_words(const must::append_result& answer) {
  if (answer.stored()) return "stored " + std::to_string(answer->first) + "-" + std::to_string(answer->last);
  const auto& why = answer.why();
  if (why.failed == must::conflict::part::stream) return "stream " + why.stream + " at " + std::to_string(why.actual);
  return "query after " + std::to_string(why.after) + " at " + std::to_string(why.actual);
}
inline std::string in_words(const must::error& why) {
  switch (why.code) {
    case must::error_code::bad_input: return "bad_input " + std::string(why.field.str());
    case must::error_code::duplicate_id: return "duplicate";
    case must::error_code::position_ahead:
      return "ahead " + std::to_string(why.expected.value_or(0)) + " of " + std::to_string(why.actual.value_or(0));
    default: return why.message;
  }
}

// Checks the table on the stores of fixtures, each empty: as single appends, and as the first of a batch of two.
template <typename Fixture>
void check_order_of_checks() {
  for (const bool in_batch : {false, true})
    for (auto& one : judged_appends()) {
      INFO(one.says << (in_batch ? ", in a batch" : ""));
      Fixture made;
      auto& store = made.store();
      for (auto& events : stored_before()) store.append(events, {}).value();
      std::string answer;
      try {
        if (in_batch) {
          std::vector<must::cloud_event> after{judged_event("after", "w", {})};
          std::vector<must::batch_item<must::payload>> items{{one.events, one.condition}, {after, {}}};
          const auto done = store.append_batch(items);
          answer = done.at(0) ? in_words(*done[0]) : in_words(done[0].error());
          CHECK(done.at(1).value().stored());
        } else {
          answer = in_words(store.append(one.events, one.condition));
        }
      } catch (const must::exception& why) {
        answer = in_words(why.error());
      }
      CHECK(answer == one.answer);
    }
}

}  // namespace must_test

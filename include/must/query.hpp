// SPDX-License-Identifier: MIT
// query, read_options and append_condition: which events, and what a store answers.
#pragma once

#include "must/error.hpp"
#include "must/event.hpp"
#include "must/fwd.hpp"
#include "must/stream_version.hpp"
#include "must/text/quoted.hpp"

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace must {

namespace detail {

// Returns every name under which these events may be stored: current, former, and those of previous versions.
template <typename... Event>
std::vector<std::string> all_names(events<Event...>) {
  std::vector<std::string> names;
  const auto add = [&](type_name name) { names.emplace_back(name.data(), name.size()); };
  (for_names(versions_of<Event>{}, add), ...);
  return names;
}
// Returns the same names, with a list for each event.
using names_by_event = std::vector<std::vector<std::string>>;
template <typename... Event>
names_by_event names_of_each(events<Event...>) {
  return {all_names(events<Event>{})...};
}

inline bool has_name(const std::vector<std::string>& names, const std::string& name) {
  for (const auto& one : names)
    if (one == name) return true;
  return false;
}
inline bool has_any_name(const std::vector<std::string>& names, const std::vector<std::string>& any) {
  for (const auto& name : any)
    if (has_name(names, name)) return true;
  return false;
}
// Adds the other names of an event to types that have one of them.
inline void complete_names(std::vector<std::string>& types, const names_by_event& events) {
  for (const auto& names : events) {
    if (!has_any_name(types, names)) continue;
    for (const auto& name : names)
      if (!has_name(types, name)) types.push_back(name);
  }
}

}  // namespace detail

/// One item of a query. It matches an event whose type is one of `types`, that has all of `tags`, and is in `stream`.
///
/// An empty part is not compared. Every store refuses an item whose parts are all empty (bad_input): a query that
/// matches every event is written query::all(). \see cloud_event, which says what types, tags and streams are
struct query_item {
  std::vector<std::string> types{};     ///< The event has any of these types.
  std::vector<std::string> tags{};      ///< The event has all of these tags.
  std::optional<std::string> stream{};  ///< The event is in this stream.

  friend bool operator==(const query_item&, const query_item&) = default;
};

/// A query selects events of a store: it matches an event that any of its items matches.
///
/// A query without items matches nothing. Stores refuse a query in which a type, a tag or a stream is not 1 to 512
/// bytes of UTF-8 without NUL (bad_input). \see dcb.events, specification, "Query"
class query {
 public:
  /// Makes a query that matches nothing.
  query() = default;
  /// Makes a query that matches what any of the items matches.
  query(std::initializer_list<query_item> items) : items_(items) {}
  /// Makes a query that matches what any of the items matches.
  explicit query(std::vector<query_item> items) : items_(std::move(items)) {}

  /// Makes a query that matches every event.
  [[nodiscard]] static query all() {
    query everything;
    everything.all_ = true;
    return everything;
  }
  /// Makes a query that matches every event of a stream.
  [[nodiscard]] static query of_stream(std::string name) { return {query_item{.stream = std::move(name)}}; }
  /// Makes a query that matches every event of any of the types. Stores refuse it when there are none (bad_input).
  [[nodiscard]] static query of_types(std::vector<std::string> types) {
    return {query_item{.types = std::move(types)}};
  }
  /// Makes a query that matches every event of the C++ types E, such as `must::query::of<Opened, Closed>()`.
  ///
  /// It selects by every name under which such events may be stored: the current names, the former names, and the names
  /// of the previous versions.
  template <Event... E>
    requires(sizeof...(E) > 0)
  [[nodiscard]] static query of() {
    return of_types(detail::all_names(events<E...>{}));
  }
  /// Makes a query that matches every event that has all of the tags. Stores refuse it when there are none (bad_input).
  [[nodiscard]] static query of_tags(std::vector<std::string> tags) { return {query_item{.tags = std::move(tags)}}; }

  /// Returns whether the query was made by all().
  [[nodiscard]] bool is_all() const noexcept { return all_; }
  /// Returns whether the query has no items, and so matches nothing.
  [[nodiscard]] bool is_none() const noexcept { return !all_ && items_.empty(); }
  /// Returns the items. A query made by all() has none.
  [[nodiscard]] const std::vector<query_item>& items() const noexcept { return items_; }

  /// Makes this query match what `other` matches, too.
  query& operator|=(query other) {
    if (other.all_) *this = all();
    if (all_) return *this;
    for (auto& item : other.items_) items_.push_back(std::move(item));
    return *this;
  }
  /// Returns a query that matches what either matches.
  [[nodiscard]] friend query operator|(query left, query right) { return left |= std::move(right); }
  friend bool operator==(const query&, const query&) = default;

 private:
  bool all_ = false;
  std::vector<query_item> items_{};
};

namespace detail {

// Returns a name of one of these events that the query leaves out, though an event so named would be handled, or an
// empty text. A query leaves out a name if an item has other names of that event alone, or no item has the event at
// all.
inline std::string missed_type(const query& which, const names_by_event& events) {
  if (which.is_all()) return {};
  for (const auto& names : events) {
    bool found = false;
    for (const auto& item : which.items()) {
      const bool has_all = item.types.empty();
      if (!has_all && !has_any_name(item.types, names)) continue;
      found = true;
      for (const auto& name : names)
        if (!has_all && !has_name(item.types, name)) return name;
    }
    if (!found) return names.front();
  }
  return {};
}

}  // namespace detail

/// The order of a read. Forwards, positions rise, and the oldest event comes first. Backwards, positions fall.
enum class direction : std::uint8_t { forwards, backwards };

/// An event that was seen in a store. Two histories that have it at the same position have the same events up to it.
struct seen_event {
  must::position position = 0;  ///< The position of the event. 0 names no event.
  std::string source{};         ///< The source of the event.
  std::string id{};             ///< The id of the event.
  friend bool operator==(const seen_event&, const seen_event&) = default;
};

/// Which part of the matching events a read visits, and in which order.
///
/// An event is visited when its position is in (after, until] and its version is in (after_version, until_version].
/// The windows are the same in both orders. By default every matching event is visited, the oldest first.
/// A read throws bad_input when the versions are limited and an item of the query names no stream.
/// A read throws bad_input when `limit` is negative.
struct read_options {
  /// The order in which events are visited.
  direction order = direction::forwards;
  /// The exclusive lower bound of positions.
  must::position after = 0;
  /// The inclusive upper bound of positions.
  must::position until = std::numeric_limits<must::position>::max();
  /// The exclusive lower bound of the versions of events in their streams.
  must::version after_version = 0;
  /// The inclusive upper bound of the versions of events in their streams.
  must::version until_version = must::version(std::numeric_limits<std::uint64_t>::max());
  /// The highest number of events that are visited, 0 or more. Without a limit all are visited. A read with limit 0
  /// visits nothing, and tells the head.
  std::optional<std::int64_t> limit{};
  /// Whether the result names the last event of the store.
  bool with_last_event = false;
};

/// The end of a read. A later read forwards goes on where this one ended when `scanned` is its `after`, and a later
/// read backwards when `scanned - 1` is its `until`. After a read with limit 0 the later read has the same bounds.
struct read_result {
  /// The highest position of the store when the read began, before the first event was visited. It is 0 when the store
  /// is empty. Events above it are not visited.
  must::position head = 0;
  /// The last position that was examined:
  /// - a complete read forwards examined up to min(until, head), and a complete read backwards down to `after`;
  /// - a read that its visitor or its limit ended examined up to the last event that was visited;
  /// - a read with limit 0 examined nothing: `scanned` is `after` forwards, and min(until, head) backwards.
  must::position scanned = 0;
  /// Whether the window was examined to its end. It is false when the limit or the visitor ended the read.
  bool complete = false;
  /// The last event of the store, when the options ask for it. Its position is 0 when there is none, and below `head`
  /// where the store does not show the event there. There is no value when the store cannot say.
  std::optional<seen_event> last_event{};

  friend bool operator==(const read_result&, const read_result&) = default;
};

/// What an append expects of one stream. An append stores nothing unless the stream is as expected.
struct stream_expectation {
  /// The kinds of expectations, one for each function below.
  enum class kind : std::uint8_t { any, no_stream, exists, exactly };

  /// Expects nothing of the stream: it always holds.
  [[nodiscard]] static stream_expectation any(std::string stream) { return {std::move(stream), kind::any, 0}; }
  /// Expects that the stream has no event.
  [[nodiscard]] static stream_expectation no_stream(std::string stream) {
    return {std::move(stream), kind::no_stream, 0};
  }
  /// Expects that the stream has an event.
  [[nodiscard]] static stream_expectation exists(std::string stream) { return {std::move(stream), kind::exists, 0}; }
  /// Expects that the last event of the stream has the version `at`. When `at` is 0, that is no_stream(stream).
  [[nodiscard]] static stream_expectation exactly(std::string stream, version at) {
    return {std::move(stream), at == 0 ? kind::no_stream : kind::exactly, at};
  }
  /// Does not compile: any other number, such as a position, is no version.
  template <detail::OtherNumber Number>
  [[nodiscard]] static stream_expectation exactly(std::string stream, Number) {
    detail::refuse_as_version<Number>();
    return any(std::move(stream));
  }
  /// Returns whether a stream whose last event has this version is as expected. An empty stream has version 0.
  [[nodiscard]] bool holds_at(version actual) const noexcept {
    switch (expected) {
      case kind::any: return true;
      case kind::no_stream: return actual == 0;
      case kind::exists: return actual != 0;
      case kind::exactly: return actual == at;
    }
    return false;
  }

  std::string stream{};       ///< The name of the stream.
  kind expected = kind::any;  ///< What is expected.
  version at = 0;             ///< The version that kind::exactly expects.

  friend bool operator==(const stream_expectation&, const stream_expectation&) = default;
};

/// What holds when an append stores its events: the store has the events that were seen, each stream is as expected,
/// and the query matches no event above `after`.
///
/// They are checked in this order. An empty condition always holds. An `after` above the head of the store is refused
/// (position_ahead), whatever the query. Positions and versions alone do not tell a store that was restored and has
/// grown again, with other events: `seen` does.
/// \see dcb.events, specification, "Append Condition"
struct append_condition {
  /// The append fails when an event that this query matches is stored above position `after`.
  must::query query{};
  /// The position up to which the caller has seen the events that the query matches.
  must::position after = 0;
  /// What is expected of streams.
  std::vector<stream_expectation> streams{};
  /// The last event of the store at each read that the decision was made from, as read_result::last_event names it. The
  /// append fails when the store has another event, or none, at the position of one of them.
  std::vector<seen_event> seen{};
};

/// The positions that an append was stored at. Events that are stored already, with the same ids and the same content,
/// have the positions of the first time.
struct appended {
  must::position first = 0;  ///< The position of its first event.
  must::position last = 0;   ///< The position of its last event.
  friend bool operator==(const appended&, const appended&) = default;
};

/// The part of an append condition that did not hold. Nothing was stored.
struct conflict {
  /// The parts of an append condition. `history` is the event that was seen.
  enum class part : std::uint8_t { query, stream, history };

  /// The part that did not hold.
  part failed = part::query;
  /// The stream that was not as expected. It is empty for every other part.
  std::string stream{};
  /// The version that was expected of the stream. It is 0 for no_stream, and has no value for exists.
  std::optional<version> expected{};
  /// The version of the stream, as a number. For part::query it is the last position at which an event matches, and for
  /// part::history the head of the store.
  std::uint64_t actual = 0;
  /// The position above which the query was to match no event, and for part::history that of the event that was seen.
  /// It is 0 for part::stream.
  must::position after = 0;

  friend bool operator==(const conflict&, const conflict&) = default;
};

/// Makes the error (version_conflict) of a conflict, with a sentence that says what was expected and what is stored.
[[nodiscard]] inline error to_error(const conflict& why) {
  error made{.code = error_code::version_conflict, .stream = why.stream, .actual = why.actual};
  if (why.failed == conflict::part::query) {
    made.expected = why.after;
    made.position = why.actual;
    made.message = "an event that the append condition forbids after position " + std::to_string(why.after) +
                   " is stored at position " + std::to_string(why.actual);
    return made;
  }
  if (why.failed == conflict::part::history) {
    made.expected = why.after;
    made.position = why.after;
    made.message = "the event that the append saw at position " + std::to_string(why.after) +
                   " is not there any more: the store was restored or replaced, and ends at position " +
                   std::to_string(why.actual);
    return made;
  }
  if (why.expected) made.expected = why.expected->value;
  const auto actual = why.actual == 0 ? std::string("does not exist") : "is at version " + std::to_string(why.actual);
  const auto expected = !why.expected        ? std::string("it to exist")
                        : *why.expected == 0 ? std::string("no such stream")
                                             : "version " + std::to_string(why.expected->value);
  made.message = "stream " + detail::text::in_quotes(why.stream) + " " + actual + "; the append expected " + expected;
  return made;
}

/// What an append came to: its events are stored, or the condition did not hold and nothing is stored.
class [[nodiscard]] append_result {
 public:
  /// Makes the result of an append that is stored.
  append_result(appended stored) : state_(stored) {}
  /// Makes the result of an append that is not stored.
  append_result(conflict why) : state_(std::move(why)) {}

  /// Returns whether the events are stored, by this append or by an earlier one of the same events.
  [[nodiscard]] bool stored() const noexcept { return state_.index() == 0; }
  /// Returns stored().
  [[nodiscard]] explicit operator bool() const noexcept { return stored(); }

  /// Returns the positions. The behaviour is undefined unless stored().
  [[nodiscard]] const appended* operator->() const noexcept { return std::get_if<0>(&state_); }
  /// Returns the positions. The behaviour is undefined unless stored().
  [[nodiscard]] const appended& operator*() const noexcept { return *std::get_if<0>(&state_); }

  /// Returns why nothing was stored. The behaviour is undefined when stored().
  [[nodiscard]] const conflict& why() const noexcept { return *std::get_if<1>(&state_); }
  /// Returns the positions.
  /// \throws version_conflict  when the append is not stored
  const appended& value() const {
    if (!stored()) raise(to_error(why()));
    return **this;
  }
  friend bool operator==(const append_result&, const append_result&) = default;

 private:
  std::variant<appended, conflict> state_;
};

}  // namespace must

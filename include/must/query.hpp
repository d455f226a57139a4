// SPDX-License-Identifier: MIT
// Which events: queries, read options, append conditions, and what a store answers to them.
#pragma once

#include "must/error.hpp"
#include "must/event.hpp"
#include "must/fwd.hpp"
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

// Every name under which these events may be stored: current, former, and those of previous versions.
template <typename... Event>
std::vector<std::string> all_names(events<Event...>) {
  std::vector<std::string> names;
  const auto add = [&](type_name name) { names.emplace_back(name.data(), name.size()); };
  (for_names(versions_of<Event>{}, add), ...);
  return names;
}
// The same, a list an event.
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

/// One item of a query: an event of any of `types`, that has all of `tags`, in `stream`. An empty part does not select.
///
/// An item in which every part is empty is refused by every store (bad_input): everything is spelled query::all().
struct query_item {
  std::vector<std::string> types{};     ///< any of them
  std::vector<std::string> tags{};      ///< all of them
  std::optional<std::string> stream{};  ///< that one

  friend bool operator==(const query_item&, const query_item&) = default;
};

/// Items joined by OR. No items match nothing. \see dcb.events, specification, "Query"
class query {
 public:
  /// Matches nothing.
  query() = default;
  query(std::initializer_list<query_item> items) : items_(items) {}  ///< Matches what any of the items matches.
  explicit query(std::vector<query_item> items) : items_(std::move(items)) {}  ///< The same.

  /// Matches every event.
  [[nodiscard]] static query all() {
    query everything;
    everything.all_ = true;
    return everything;
  }
  /// Every event of a stream.
  [[nodiscard]] static query of_stream(std::string name) { return {query_item{.stream = std::move(name)}}; }
  /// Every event of any of the types.
  [[nodiscard]] static query of_types(std::vector<std::string> types) {
    return {query_item{.types = std::move(types)}};
  }
  /// Every event of the types E, by every name under which they may be stored: `must::query::of<Opened, Closed>()`.
  ///
  /// The names are the current ones, the former ones, and those of the previous versions.
  template <Event... E>
    requires(sizeof...(E) > 0)
  [[nodiscard]] static query of() {
    return of_types(detail::all_names(events<E...>{}));
  }
  /// Every event that has all of the tags.
  [[nodiscard]] static query of_tags(std::vector<std::string> tags) { return {query_item{.tags = std::move(tags)}}; }

  [[nodiscard]] bool is_all() const noexcept { return all_; }  ///< whether it matches every event

  /// Whether the query can match nothing at all.
  [[nodiscard]] bool is_none() const noexcept { return !all_ && items_.empty(); }
  [[nodiscard]] const std::vector<query_item>& items() const noexcept { return items_; }  ///< none of query::all()

  /// Adds what `other` matches.
  query& operator|=(query other) {
    if (other.all_) *this = all();
    if (all_) return *this;
    for (auto& item : other.items_) items_.push_back(std::move(item));
    return *this;
  }
  [[nodiscard]] friend query operator|(query left, query right) { return left |= std::move(right); }
  friend bool operator==(const query&, const query&) = default;

 private:
  bool all_ = false;
  std::vector<query_item> items_{};
};

namespace detail {

// A name of one of these events that the query leaves out, though an event so named would be handled; empty where there
// is none. A query leaves out a name if an item has other names of that event alone, or no item has the event at all.
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

/// The order of a read: by positions, rising or falling.
enum class direction : std::uint8_t { forwards, backwards };

/// Which part of the matching events a read visits, and in which order.
///
/// Positions are those in (after, until], and only versions in (after_version, until_version]; a window of versions
/// needs a query whose items all name a stream (bad_input otherwise). A negative limit is bad_input.
struct read_options {
  direction order = direction::forwards;                                    ///< of the events
  must::position after = 0;                                                 ///< this one is not visited
  must::position until = std::numeric_limits<must::position>::max();        ///< this one is
  must::version after_version = 0;                                          ///< of the stream; not visited
  must::version until_version = std::numeric_limits<must::version>::max();  ///< of the stream; visited
  std::optional<std::int64_t> limit{};  ///< how many events are visited at the most; none: all
};

/// How far a read came.
///
/// `head` is the head of the store, captured before the first event. `complete`: the window was examined to its end;
/// a read that its limit or its visitor ended is not complete. `scanned` is the last position examined: of a complete
/// read forwards min(until, head), backwards `after`; else that of the last event visited, or, where limit is 0, the
/// edge that the read started from (forwards `after`, backwards min(until, head)).
struct read_result {
  must::position head = 0;     ///< of the store, before the first event
  must::position scanned = 0;  ///< the last position that was examined
  bool complete = false;       ///< whether the window was examined to its end

  friend bool operator==(const read_result&, const read_result&) = default;
};

/// What an append expects of one stream.
struct stream_expectation {
  /// What is expected.
  enum class kind : std::uint8_t { any, no_stream, exists, exactly };

  /// Anything: the stream is only named.
  [[nodiscard]] static stream_expectation any(std::string stream) { return {std::move(stream), kind::any, 0}; }
  /// That it has no event.
  [[nodiscard]] static stream_expectation no_stream(std::string stream) {
    return {std::move(stream), kind::no_stream, 0};
  }
  /// That it has an event.
  [[nodiscard]] static stream_expectation exists(std::string stream) { return {std::move(stream), kind::exists, 0}; }
  /// exactly(stream, 0) is no_stream(stream).
  [[nodiscard]] static stream_expectation exactly(std::string stream, version at) {
    return {std::move(stream), at == 0 ? kind::no_stream : kind::exactly, at};
  }
  /// Whether a stream of this version is as expected.
  [[nodiscard]] bool holds_at(version actual) const noexcept {
    switch (expected) {
      case kind::any: return true;
      case kind::no_stream: return actual == 0;
      case kind::exists: return actual != 0;
      case kind::exactly: return actual == at;
    }
    return false;
  }

  std::string stream{};       ///< its name
  kind expected = kind::any;  ///< of it
  version at = 0;             ///< for kind::exactly

  friend bool operator==(const stream_expectation&, const stream_expectation&) = default;
};

/// What must hold for an append: every stream as expected, and no event that matches `query` above position `after`.
/// Streams are checked first, in their order. \see dcb.events, specification, "Append Condition"
struct append_condition {
  must::query query{};                        ///< what must not have been stored ...
  must::position after = 0;                   ///< ... above this position
  std::vector<stream_expectation> streams{};  ///< and what each of these must be
};

/// The positions that an append was stored at; for a repeat, those of the first time.
struct appended {
  must::position first = 0;  ///< of its first event
  must::position last = 0;   ///< of its last event
  friend bool operator==(const appended&, const appended&) = default;
};

/// The part of an append condition that did not hold. Nothing was stored.
struct conflict {
  /// Of an append condition.
  enum class part : std::uint8_t { query, stream };

  part failed = part::query;          ///< which did not hold
  std::string stream{};               ///< for part::stream
  std::optional<version> expected{};  ///< for part::stream: exactly this, or 0 for none; nothing for "exists"
  std::uint64_t actual = 0;           ///< for part::stream its version, for part::query the last position that matches
  must::position after = 0;           ///< for part::query

  friend bool operator==(const conflict&, const conflict&) = default;
};

/// The error (version_conflict) that a conflict is where nobody tries again.
[[nodiscard]] inline error to_error(const conflict& why) {
  error made{.code = error_code::version_conflict, .stream = why.stream, .actual = why.actual};
  if (why.failed == conflict::part::query) {
    made.expected = why.after;
    made.position = why.actual;
    made.message = "an event that the append condition forbids after position " + std::to_string(why.after) +
                   " is stored at position " + std::to_string(why.actual);
    return made;
  }
  made.expected = why.expected;
  const auto actual = why.actual == 0 ? std::string("does not exist") : "is at version " + std::to_string(why.actual);
  const auto expected = !why.expected        ? std::string("it to exist")
                        : *why.expected == 0 ? std::string("no such stream")
                                             : "version " + std::to_string(*why.expected);
  made.message = "stream " + detail::text::in_quotes(why.stream) + " " + actual + "; the append expected " + expected;
  return made;
}

/// What an append came to: stored, or a conflict.
class [[nodiscard]] append_result {
 public:
  append_result(appended stored) : state_(stored) {}       ///< It was stored.
  append_result(conflict why) : state_(std::move(why)) {}  ///< It was not.

  [[nodiscard]] bool stored() const noexcept { return state_.index() == 0; }  ///< whether it was stored, now or before
  [[nodiscard]] explicit operator bool() const noexcept { return stored(); }  ///< the same

  /// The positions; needs stored().
  [[nodiscard]] const appended* operator->() const noexcept { return std::get_if<0>(&state_); }
  [[nodiscard]] const appended& operator*() const noexcept { return *std::get_if<0>(&state_); }  ///< The same.

  /// Why nothing was stored; needs !stored().
  [[nodiscard]] const conflict& why() const noexcept { return *std::get_if<1>(&state_); }
  /// \throws version_conflict  when nothing was stored
  const appended& value() const {
    if (!stored()) raise(to_error(why()));
    return **this;
  }
  friend bool operator==(const append_result&, const append_result&) = default;

 private:
  std::variant<appended, conflict> state_;
};

}  // namespace must

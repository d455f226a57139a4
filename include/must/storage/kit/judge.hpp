// SPDX-License-Identifier: MIT
// The one order in which every store checks an append: identity, history, position ahead, streams, query.
#pragma once

#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/storage/kit/identity.hpp"

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace must::kit {

/// Checks that a condition names no position that is not stored yet.
/// \throws position_ahead  when `condition.after` is beyond the head
inline void check_not_ahead(const append_condition& condition, position head) {
  if (condition.after <= head) return;
  raise({.code = error_code::position_ahead,
         .message = "the append condition names position " + std::to_string(condition.after) +
                    ", and the store ends at " + std::to_string(head),
         .field = "after",
         .expected = condition.after,
         .actual = head});
}

/// Returns the conflict over a stream that is at version `actual`.
[[nodiscard]] inline conflict stream_conflict(const stream_expectation& expectation, version actual) {
  conflict made{.failed = conflict::part::stream, .stream = expectation.stream, .actual = actual.value};
  if (expectation.expected != stream_expectation::kind::exists) made.expected = expectation.at;
  return made;
}

/// Returns the conflict over an event that was seen, and that the store has not.
[[nodiscard]] inline conflict history_conflict(const seen_event& lost, position head) {
  return {.failed = conflict::part::history, .actual = head, .after = lost.position};
}

/// Returns the conflict over the query of a condition, for an event that is stored at position `found`.
[[nodiscard]] inline conflict query_conflict(const append_condition& condition, position found) {
  return {.failed = conflict::part::query, .actual = found, .after = condition.after};
}

/// What judge() asks a store. No other append is stored meanwhile.
///
/// - `head()` returns the last position.
/// - `known(i)` returns where the event with the id and source of `events[i]` is stored, or known_event{}.
/// - `same_content(i, at)` returns whether the event at position `at` has the content of `events[i]`. \see same_content
/// - `has(seen)` returns whether an event of that source and id is stored at that position, which is 1 or more.
/// - `version(stream)` returns the version of a stream, 0 when there is none.
/// - `last_match(query, after)` returns the last position above `after` that a query matches, 0 when there is none.
template <typename F>
concept StoredFacts = requires(F& facts, std::size_t i, position at, std::string_view stream, const query& which,
                               const seen_event& seen) {
  { facts.head() } -> std::convertible_to<position>;
  { facts.known(i) } -> std::same_as<known_event>;
  { facts.same_content(i, at) } -> std::same_as<bool>;
  { facts.has(seen) } -> std::same_as<bool>;
  { facts.version(stream) } -> std::same_as<must::version>;
  { facts.last_match(which, at) } -> std::convertible_to<position>;
};

/// The time at which the ids of an append are looked up. The answer of judge() is the same in both cases.
enum class id_lookup : std::uint8_t {
  always,     ///< Ids are looked up before the condition is checked.
  if_refused  ///< Ids are looked up only when the condition does not hold. The store has a unique index of ids, and
              ///< looks them up itself when the index refuses an event.
};

/// Returns the part of a condition that does not hold, or nothing. The streams are checked first, in their order.
/// The cost is that of `facts.version` for each stream, and of `facts.last_match`.
template <StoredFacts F>
[[nodiscard]] std::optional<conflict> find_conflict(F& facts, const append_condition& condition) {
  for (const auto& expectation : condition.streams)
    if (const version actual = facts.version(expectation.stream); !expectation.holds_at(actual))
      return stream_conflict(expectation, actual);
  if (condition.query.is_none()) return std::nullopt;
  const position found = facts.last_match(condition.query, condition.after);
  if (found == 0) return std::nullopt;
  return query_conflict(condition, found);
}

/// Judges an append that check_append() has passed. Returns what the store answers when nothing is to be stored, or
/// nothing when the events are to be stored from `facts.head() + 1` on.
///
/// The answer is the first result when the same append is stored already, and a conflict when the condition does not
/// hold. The order is: identity, history, position ahead, streams, query.
/// \throws duplicate_id  when an id is known, and not from the same append
/// \throws position_ahead  when the condition names a position beyond the head
template <typename Data, StoredFacts F>
[[nodiscard]] std::optional<append_result> judge(F& facts, std::span<const basic_event<Data>> events,
                                                 const append_condition& condition,
                                                 id_lookup look = id_lookup::always) {
  const auto repeat = [&] {
    return find_repeat(
        events, [&](std::size_t i) { return facts.known(i); },
        [&](std::size_t i, position at) { return facts.same_content(i, at); });
  };
  if (look == id_lookup::always)
    if (const auto first = repeat()) return *first;
  const position head = facts.head();
  const auto lost =
      std::find_if_not(condition.seen.begin(), condition.seen.end(), [&](const auto& one) { return facts.has(one); });
  const bool is_lost = lost != condition.seen.end();
  const bool is_ahead = !is_lost && condition.after > head;
  const auto broken = is_lost    ? std::optional(history_conflict(*lost, head))
                      : is_ahead ? std::nullopt
                                 : find_conflict(facts, condition);
  if (look == id_lookup::if_refused && (is_ahead || broken))
    if (const auto first = repeat()) return *first;
  if (broken) return *broken;
  check_not_ahead(condition, head);
  return std::nullopt;
}

}  // namespace must::kit

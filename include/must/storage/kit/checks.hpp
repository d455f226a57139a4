// SPDX-License-Identifier: MIT
// What every store says of an append that it does not store: known ids, a position ahead, a stream elsewhere.
#pragma once

#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/storage/kit/validate.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace must::kit {

template <typename Data>
[[noreturn]] void refuse_id(const basic_event<Data>& of, const char* why) {
  raise({.code = error_code::duplicate_id,
         .message = "event id " + detail::text::in_quotes(of.id) + " of source " + detail::text::in_quotes(of.source) +
                    " " + why,
         .field = "id",
         .event_id = of.id,
         .type = of.type});
}

// Throws duplicate_id for an id that the append has twice.
template <typename Data>
void check_distinct(std::span<const basic_event<Data>> events) {
  if (events.size() < 2) return;
  std::vector<std::pair<std::string_view, std::string_view>> sorted;
  sorted.reserve(events.size());
  for (const auto& one : events) sorted.emplace_back(one.id, one.source);
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice == sorted.end()) return;
  for (const auto& one : events)
    if (one.id == twice->first && one.source == twice->second) refuse_id(one, "stands twice in one append");
}

// Where an event with the id of one that is appended is stored (0: nowhere), and its place in the append it came with.
struct known_event {
  position at = 0;
  std::uint64_t offset = 0, append_size = 0;
};

// The result that the same append had before. Throws duplicate_id for any other known id.
// known(i): what is known of the id of events[i]; same(i, at): whether its content is that of the event stored there.
template <typename Data, typename Known, typename Same>
std::optional<appended> find_repeat(std::span<const basic_event<Data>> events, Known&& known, Same&& same) {
  position first = 0;
  for (std::size_t i = 0; i < events.size(); ++i) {
    const known_event found = known(i);
    if (i == 0) first = found.at;
    if (found.at == 0 && first == 0) continue;
    if (found.at == 0) refuse_id(events[0], "is stored already, and others of this append are not");
    if (first == 0) refuse_id(events[i], "is stored already, and others of this append are not");
    if (found.at != first + i || found.offset != i || found.append_size != events.size())
      refuse_id(events[i], "is stored already, in another append");
    if (!same(i, found.at)) refuse_id(events[i], "is stored already, with other content");
  }
  if (first == 0) return std::nullopt;
  return appended{first, first + events.size() - 1};
}

// Throws position_ahead for a condition that speaks of events that are not stored yet.
inline void check_not_ahead(const append_condition& condition, position head) {
  if (condition.after <= head) return;
  raise({.code = error_code::position_ahead,
         .message = "the append condition names position " + std::to_string(condition.after) +
                    ", and the store ends at " + std::to_string(head),
         .field = "after",
         .expected = condition.after,
         .actual = head});
}

inline conflict stream_conflict(const stream_expectation& expectation, version actual) {
  conflict made{.failed = conflict::part::stream, .stream = expectation.stream, .actual = actual};
  if (expectation.expected != stream_expectation::kind::exists) made.expected = expectation.at;
  return made;
}

inline conflict query_conflict(const append_condition& condition, position found) {
  return {.failed = conflict::part::query, .actual = found, .after = condition.after};
}

}  // namespace must::kit

// SPDX-License-Identifier: MIT
// Decides whether the ids of an append are known: a repeat gets its first result, any other known id is refused.
#pragma once

#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/text/quoted.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

namespace must::kit {

/// Refuses an append for one of its ids. `why` ends the sentence "event id ... of source ...".
/// \throws duplicate_id  always
template <typename Data>
[[noreturn]] void refuse_id(const basic_event<Data>& of, const char* why) {
  raise({.code = error_code::duplicate_id,
         .message = "event id " + detail::text::in_quotes(of.id) + " of source " + detail::text::in_quotes(of.source) +
                    " " + why,
         .field = "id",
         .event_id = of.id,
         .type = of.type});
}

/// Checks that no two events of an append have one id and one source. The cost is linear when the ids
/// rise, else that of sorting them.
/// \throws duplicate_id  for an id that stands twice
template <typename Data>
void check_distinct(std::span<const basic_event<Data>> events) {
  std::size_t rising = 1;
  while (rising < events.size() && events[rising - 1].id < events[rising].id) ++rising;
  if (rising >= events.size()) return;
  std::map<std::pair<std::string_view, std::string_view>, char> seen;  // NOLINT(misc-include-cleaner)
  for (const auto& one : events)
    if (!seen.try_emplace({one.id, one.source}).second) refuse_id(one, "stands twice in one append");
}

/// The place of a stored event that has the id of one that is appended, and its place in the append it came with.
struct known_event {
  position at = 0;                ///< The position of the event. It is 0 when no event has the id.
  std::uint64_t offset = 0;       ///< The number of events before it in its append.
  std::uint64_t append_size = 0;  ///< The number of events of its append.
};

/// Returns the result that the same append had before, or nothing when none of its ids is known.
///
/// \param known  a function: known(i) returns the known_event of the id of events[i]
/// \param same   a function: same(i, at) returns whether the event that is stored at `at` has the content of events[i]
/// \throws duplicate_id  when an id is known, and not from the same append
template <typename Data, typename Known, typename Same>
[[nodiscard]] std::optional<appended> find_repeat(std::span<const basic_event<Data>> events, Known&& known,
                                                  Same&& same) {
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

}  // namespace must::kit

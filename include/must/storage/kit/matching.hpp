// SPDX-License-Identifier: MIT
// Decides whether an event lies in a query, and whether two events have the same content.
#pragma once

#include "must/detail/members.hpp"
#include "must/query.hpp"
#include "must/record.hpp"

#include <string_view>

namespace must::kit {

/// The parts of an event that a query item is compared with.
struct event_view {
  std::string_view type;    ///< The type of the event.
  std::string_view stream;  ///< The stream of the event. It is empty when the event has none.
  const tag_set& tags;      ///< The tags of the event.
};

/// Returns whether one item of a query matches an event. The cost is the size of the item.
[[nodiscard]] inline bool matches(const query_item& item, const event_view& event) {
  if (item.stream && *item.stream != event.stream) return false;
  for (const auto& tag : item.tags)
    if (!event.tags.contains(tag)) return false;
  if (item.types.empty()) return true;
  for (const auto& type : item.types)
    if (type == event.type) return true;
  return false;
}

/// Returns whether a query matches an event. The cost is the size of the query.
template <typename Data>
[[nodiscard]] bool matches(const query& which, const basic_event<Data>& event) {
  if (which.is_all()) return true;
  for (const auto& item : which.items())
    if (matches(item, {event.type, event.subject, event.tags})) return true;
  return false;
}

/// Returns whether two events of one source and id have the same content, so that one is a repeat of the other.
///
/// The content is the type, the stream, the tags, the content type, the dataschema and the data. The time and the
/// extensions are no part of it. Data without == is compared member by member, up to 16 members.
template <typename Data>
[[nodiscard]] bool same_content(const basic_event<Data>& left, const basic_event<Data>& right) {
  return left.type == right.type && left.subject == right.subject && left.tags == right.tags &&
         left.dataschema == right.dataschema && detail::content_equal(left.data, right.data);
}

}  // namespace must::kit

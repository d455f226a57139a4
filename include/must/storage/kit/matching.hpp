// SPDX-License-Identifier: MIT
// What a store has to judge: whether input is good, an event lies in a query, two events have the same content.
#pragma once

#include "must/detail/members.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/storage.hpp"
#include "must/storage/kit/validate.hpp"

#include <span>
#include <string_view>
#include <vector>

namespace must {

namespace kit {

// What a query item is matched against.
struct event_view {
  std::string_view type, stream;
  const tag_set& tags;
};

inline bool matches(const query_item& item, const event_view& event) {
  if (item.stream && *item.stream != event.stream) return false;
  for (const auto& tag : item.tags)
    if (!event.tags.contains(tag)) return false;
  if (item.types.empty()) return true;
  for (const auto& type : item.types)
    if (type == event.type) return true;
  return false;
}

}  // namespace kit

/// Whether an event lies in a query. Costs the size of the query.
template <typename Data>
[[nodiscard]] bool matches(const query& which, const basic_event<Data>& event) {
  if (which.is_all()) return true;
  for (const auto& item : which.items())
    if (kit::matches(item, {event.type, event.subject, event.tags})) return true;
  return false;
}

/// Whether two events of one identity are the same: type, stream, tags, content type, dataschema and data; not time
/// and extensions. Data without == is compared member by member, up to 16.
template <typename Data>
[[nodiscard]] bool same_content(const basic_event<Data>& left, const basic_event<Data>& right) {
  return left.type == right.type && left.subject == right.subject && left.tags == right.tags &&
         left.dataschema == right.dataschema && detail::content_equal(left.data, right.data);
}

/// What every store checks before an append. \throws bad_input  whose field names what is out of range
template <typename Data>
void check_append(std::span<const basic_event<Data>> events, const append_condition& condition,
                  const limits& allowed = {}) {
  kit::check_append(events, condition, allowed);
}

/// What every store checks before a read. \throws bad_input  whose field names what is out of range
inline void check_read(const query& which, const read_options& options) { kit::check_read(which, options); }

}  // namespace must

// SPDX-License-Identifier: MIT
// The query for the events that a typed handler handles, and the check that a given query misses none.
#pragma once

#include "must/query.hpp"
#include "must/storage/kit/validate.hpp"
#include "must/text/quoted.hpp"

#include <algorithm>

namespace must::detail::following {

template <typename Handler>
concept knows_its_events = requires { typename Handler::handled_events; };

// The base of a handler that hands each event on to another one. It handles the same events.
template <typename Handler>
struct handles_as {};
template <knows_its_events Handler>
struct handles_as<Handler> {
  using handled_events = typename Handler::handled_events;
};

// Returns the query for the events by their present, former and previous names.
template <typename Handler>
query handled_query() {
  static_assert(knows_its_events<Handler>,
                "must: the handler does not say which events it takes: add a query before it, or make it by "
                "must::handler_of<A, B>(function)");
  if constexpr (knows_its_events<Handler>) return query::of_types(all_names(typename Handler::handled_events{}));
  return {};
}
// Throws bad_input when the query leaves out a name of a type that the handler handles.
template <typename Handler>
void check_covers(const query& which) {
  if constexpr (knows_its_events<Handler>) {
    if (which.is_all()) return;
    for (const auto& type : all_names(typename Handler::handled_events{})) {
      const bool is_covered = std::any_of(which.items().begin(), which.items().end(), [&](const query_item& item) {
        return item.types.empty() || std::find(item.types.begin(), item.types.end(), type) != item.types.end();
      });
      if (!is_covered)
        kit::refuse_input("query", "misses the type " + text::in_quotes(type) +
                                       ", which the handler handles: leave the query out, or add the type");
    }
  }
}

}  // namespace must::detail::following

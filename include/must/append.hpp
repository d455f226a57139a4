// SPDX-License-Identifier: MIT
// append: events into a store without a command, for seeding and import.
#pragma once

#include "must/event.hpp"
#include "must/process_command/make_event.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/storage.hpp"

#include <span>
#include <vector>

namespace must {

/// Stores events as they are, under no condition: `must::append(store, Opened{"a1"}, Deposited{"a1", 5});`.
/// Ids, time and source come from the store's origin.
/// \returns the positions
/// \throws bad_input (a name or tag out of range), codec_error, storage_error, outcome_unknown
template <Storage S, Event... E>
  requires(sizeof...(E) > 0)
appended append(S& storage, const E&... events) {
  using data_type = typename S::data_type;
  const detail::pipeline::event_context context{storage.origin(), storage.origin().clock->now()};
  std::vector<basic_event<data_type>> records;
  records.reserve(sizeof...(E));
  (records.push_back(detail::pipeline::make_event<data_type>(events, context)), ...);
  for (auto& record : records) record.id = context.origin.ids->next(context.now);
  return storage.append(std::span<basic_event<data_type>>(records), append_condition{}).value();
}

}  // namespace must

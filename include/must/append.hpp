// SPDX-License-Identifier: MIT
// append: stores events without a command, for seeding and import.
#pragma once

#include "must/process_command/check_event.hpp"
#include "must/process_command/make_event.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/storage.hpp"

#include <span>
#include <type_traits>
#include <vector>

namespace must {

namespace detail::pipeline {

template <typename E, typename Data>
consteval bool diagnose_appended() {
  static_assert(std::is_class_v<E>, "must: append takes the store first and then events: an event is a class");
  if constexpr (std::is_class_v<E>)
    return diagnose_event<E, Data>();
  else
    return false;
}

}  // namespace detail::pipeline

/// Stores events as they are, under no condition: `must::append(store, Opened{"a1"}, Deposited{"a1", 5});`.
///
/// The ids, the time and the source come from the origin() of the store. The events are stored together or not at all.
/// \returns the positions of the first and the last event
/// \throws bad_input        when a name, a tag or a size is out of range
/// \throws codec_error      when an event cannot be encoded
/// \throws duplicate_id     when the id_source of the store gives an id that the store has
/// \throws storage_error    when the store fails
/// \throws outcome_unknown  when the store cannot say whether the events are stored
template <typename S, typename... E>
  requires Storage<std::remove_reference_t<S>> || (Storage<E> || ...)
appended append(S&& storage, const E&... events) {
  using store = std::remove_reference_t<S>;
  constexpr bool is_storage = Storage<store>;  // Its reasons would hide the sentence.
  static_assert(is_storage, "must: the first argument of append is not a Storage: append(store, events...)");
  static_assert(sizeof...(E) > 0, "must: append needs an event: append(store, events...)");
  if constexpr (is_storage && sizeof...(E) > 0) {
    using data_type = typename store::data_type;
    constexpr int refused = (... + (detail::pipeline::diagnose_appended<E, data_type>() ? 0 : 1));
    if constexpr (refused == 0) {
      const detail::pipeline::event_context context{storage.origin(), storage.origin().clock->now()};
      std::vector<basic_event<data_type>> records;
      records.reserve(sizeof...(E));
      (records.push_back(detail::pipeline::make_event<data_type>(events, context)), ...);
      for (auto& record : records) record.id = context.origin.ids->next(context.now);
      return storage.append(std::span<basic_event<data_type>>(records), append_condition{}).value();
    }
  }
  return {};
}

}  // namespace must

// SPDX-License-Identifier: MIT
// The sentences that say why a struct is no event that a store could keep.
#pragma once

#include "must/codec/versions.hpp"
#include "must/event.hpp"

#include <type_traits>

namespace must::detail::pipeline {

// Returns whether a store with this data can keep a class. Each reason why not is a sentence.
template <typename Event, typename Data>
consteval bool diagnose_event() {
  constexpr bool is_copyable = std::is_copy_constructible_v<Event>;
  constexpr bool good_type = type_fits<Event>;
  constexpr bool is_named = !good_type || own_name<Event>().size() > 0;
  constexpr bool good_stream = stream_fits<Event>;
  constexpr bool good_tags = tags_fit<Event>;
  constexpr bool good_key = partition_key_fits<Event>;
  constexpr bool is_known = coding::keeps<Event, Data>;
  static_assert(is_copyable, "must: an event is copyable");
  static_assert(
      good_type,
      "must: type of this event is no static text: make it static constexpr auto type = \"...\";, or give the "
      "member another name");
  static_assert(is_named, "must: this event has no plain name: add static constexpr auto type = \"...\";");
  static_assert(good_stream, "must: stream of this event is neither a text nor a const function that returns one");
  static_assert(good_tags,
                "must: tags of this event are neither a range of texts nor a const function that returns one");
  static_assert(good_key, "must: partition_key of this event is neither a text nor a const function that returns one");
  static_assert(is_known, "must: the store does not know this event: name it in memory_store<...>");
  constexpr bool is_named_for_store = !is_known || coding::has_stored_name<Event, Data>;
  static_assert(is_named_for_store,
                "must: this event is stored as bytes under a name that outlives its struct: add static constexpr auto "
                "type = \"...\"; to it");
  return is_copyable && good_type && is_named && good_stream && good_tags && good_key && is_known &&
         check_versions<Event>() && is_named_for_store;
}

}  // namespace must::detail::pipeline

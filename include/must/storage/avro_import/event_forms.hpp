// SPDX-License-Identifier: MIT
// The forms of an event in an Avro file: those of CloudEvents, and that of `must`. The schema of the file tells which.
#pragma once

#include "must/avro/canonical.hpp"
#include "must/avro/decode.hpp"
#include "must/cloudevents/avro/compact.hpp"
#include "must/cloudevents/avro/read.hpp"
#include "must/cloudevents/avro/schema.hpp"
#include "must/cloudevents/canonical.hpp"
#include "must/record.hpp"
#include "must/storage/log/avro_record.hpp"
#include "must/storage/log/avro_schema.hpp"
#include "must/storage/log/commit.hpp"
#include "must/text/quoted.hpp"

#include <cstdint>
#include <string_view>
#include <utility>

namespace must::detail::importing {

enum class event_form : std::uint8_t {
  map,            // CloudEvents' Avro format
  compact,        // CloudEvents' compact Avro format
  compact_draft,  // the same, as its draft was
  own             // what a log of `must` writes
};

// Returns the form that a schema describes, or throws malformed, which names the schema.
inline event_form form_of(std::string_view schema) {
  using cloudevents::avro_record, cloudevents::detail::compact_schema;
  const auto [text, name] = avro::to_canonical(schema);
  if (text == cloudevents::avro_schema() || text == cloudevents::avro_schema(avro_record::cloud_event))
    return event_form::map;
  if (text == compact_schema("attributes")) return event_form::compact;
  if (text == compact_schema("extensions")) return event_form::compact_draft;
  if (text == avro::to_canonical(log::commit_schema).text) return event_form::own;
  throw avro::malformed("has the schema " + text::in_quotes(name) +
                            ", which is neither one of CloudEvents' Avro formats nor that of must,",
                        0);
}

// Calls `use(number, event)` for each of `count` events in objects of a form. Their numbers are from 1. Throws
// malformed or bad_input for the first that is none.
template <typename Use>
void each_event(event_form form, std::string_view objects, std::uint64_t count,
                const cloudevents::declared_types& types, Use&& use) {
  const auto each = [&](auto& from, auto&& take) {
    for (std::uint64_t number = 1; number <= count; ++number) use(number, take());
    if (from.left() > 0) throw avro::malformed("is longer than its events", from.offset());
  };
  if (form == event_form::own) {
    log::avro_record_reader from(objects);
    return each(from, [&]() -> cloud_event {
      commit of;
      recorded<payload> event;
      from.take(event, of);
      return cloud_event(std::move(event));
    });
  }
  avro::decoder from(objects);
  each(from, [&] {
    if (form == event_form::map) return cloudevents::detail::take_avro_event(from, types);
    return cloudevents::detail::take_compact_event(from, types, form == event_form::compact);
  });
}

}  // namespace must::detail::importing

// SPDX-License-Identifier: MIT
// Reads a CloudEvent from Avro: a map of attributes, and the data.
#pragma once

#include "must/avro/decode.hpp"
#include "must/cloudevents/attributes.hpp"
#include "must/cloudevents/avro/data.hpp"
#include "must/cloudevents/canonical.hpp"
#include "must/cloudevents/read.hpp"
#include "must/error.hpp"
#include "must/record.hpp"

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace must::cloudevents::detail {

// Returns what `read` returns. An error of it names the field, and the byte of the document.
template <typename Read>
decltype(auto) in_field(std::string_view field, const must::detail::avro::decoder& from, Read&& read) {
  const auto at = [](std::size_t offset) { return " at byte " + std::to_string(offset); };
  const auto start = from.offset();
  try {
    return read();
  } catch (const must::detail::avro::malformed& flaw) {
    refuse(field, flaw.what() + at(flaw.offset()));
  } catch (const bad_input& thrown) {
    auto why = thrown.error();
    why.message += at(start);
    raise(std::move(why));
  }
}

// Takes a map of attributes: calls `take(name)` for each, which takes its value. A name stands once.
template <typename Take>
void take_avro_map(must::detail::avro::decoder& from, Take&& take) {
  must::detail::avro::items entries(from, 2);
  std::set<std::string_view> seen;
  while (in_field("document", from, [&] { return entries.next(); })) {
    const auto name = in_field("document", from, [&] { return from.take_string(); });
    in_field(name, from, [&] {
      check_attribute_name(name);
      if (!seen.insert(name).second) refuse(name, "stands twice");
      take(name);
    });
  }
}

// Takes the value of an attribute, or nothing when it is null.
inline std::optional<attribute_value> take_avro_attribute(must::detail::avro::decoder& from) {
  switch (from.take_branch(5)) {
    case 0: return std::nullopt;
    case 1: return from.take_boolean();
    case 2: return from.take_int();
    case 3: return std::string(from.take_string());
    default: return binary{std::string(from.take_bytes())};
  }
}

// Gives an attribute to the builder.
inline void build_attribute(event_builder& builder, std::string_view name, attribute_value value) {
  auto* const text = std::get_if<std::string>(&value);
  if (is_core_attribute(name)) {
    if (text == nullptr) refuse(name, "is not a string");
    if (!builder.take_core(name, std::move(*text))) refuse(name, "is an attribute; it is a field of its own");
    return;
  }
  if (text != nullptr) check_string(name, *text);
  builder.take_extension(std::string(name), std::move(value));
}

// Takes an event. Others may follow it.
inline cloud_event take_avro_event(must::detail::avro::decoder& from, const declared_types& types) {
  event_builder builder(types);
  take_avro_map(from, [&](std::string_view name) {
    if (auto value = take_avro_attribute(from)) build_attribute(builder, name, *std::move(value));
  });
  auto data = in_field("data", from, [&] { return take_avro_data(builder.content_type(), from); });
  return std::move(builder).finish(std::move(data));
}

// Returns the event that the document is, and nothing but that.
inline cloud_event read_avro_event(std::string_view document, const declared_types& types) {
  must::detail::avro::decoder from(document);
  auto event = take_avro_event(from, types);
  if (from.left() > 0)
    refuse("document", "is longer than its event, which ends at byte " + std::to_string(from.offset()));
  return event;
}

}  // namespace must::cloudevents::detail

// SPDX-License-Identifier: MIT
// Reads a CloudEvent in Avro's compact form: the attributes of the specification as fields, and a map of extensions.
#pragma once

#include "must/avro/decode.hpp"
#include "must/cloudevents/attributes.hpp"
#include "must/cloudevents/avro/read.hpp"
#include "must/cloudevents/body.hpp"
#include "must/cloudevents/canonical.hpp"
#include "must/cloudevents/read.hpp"
#include "must/record.hpp"
#include "must/timestamp.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace must::cloudevents::detail {

// The schema that cloudevents-compact.avsc has in its Parsing Canonical Form. The file calls the map of the extensions
// `extensions` where it is a draft, and `attributes` since; only then may a value be null.
inline std::string compact_schema(std::string_view map) {
  std::string text =
      R"({"name":"io.cloudevents.v1.avro.compact.CloudEvent","type":"record","fields":[)"
      R"({"name":"id","type":"string"},{"name":"source","type":"string"},{"name":"type","type":"string"},)"
      R"({"name":"datacontenttype","type":["null","string"]},{"name":"dataschema","type":["null","string"]},)"
      R"({"name":"subject","type":["null","string"]},{"name":"time","type":["null","long"]},{"name":")";
  text += map;
  text += R"(","type":{"type":"map","values":[)";
  if (map == "attributes") text += R"("null",)";
  return text += R"("boolean","int","long","string","bytes"]}},{"name":"data","type":["bytes","null"]}]})";
}

inline timestamp take_avro_time(must::detail::avro::decoder& from) {
  return {.microseconds = from.take_long(), .digits = 6};
}

// Takes the value of an extension. `nullable` says whether the first branch is null.
inline std::optional<attribute_value> take_compact_value(must::detail::avro::decoder& from, bool nullable) {
  switch (from.take_branch(nullable ? 6 : 5) + (nullable ? 0U : 1U)) {
    case 0: return std::nullopt;
    case 1: return from.take_boolean();
    case 2: return from.take_int();
    case 3: return take_avro_time(from);
    case 4: return std::string(from.take_string());
    default: return binary{std::string(from.take_bytes())};
  }
}

// Takes an event in the compact form. Others may follow it.
inline cloud_event take_compact_event(must::detail::avro::decoder& from, const declared_types& types, bool nullable) {
  event_builder builder(types);
  const auto field = [&](std::string_view name, bool is_optional, auto&& take) {
    in_field(name, from, [&] {
      if (is_optional && from.take_branch(2) == 0) return;
      builder.take_core(name, take());
    });
  };
  const auto take_text = [&] { return std::string(from.take_string()); };
  builder.take_core("specversion", "1.0");
  for (const std::string_view name : {"id", "source", "type"}) field(name, false, take_text);
  for (const std::string_view name : {"datacontenttype", "dataschema", "subject"}) field(name, true, take_text);
  field("time", true, [&] { return take_avro_time(from).to_string(); });
  take_avro_map(from, [&](std::string_view name) {
    if (is_core_attribute(name)) refuse(name, "is an attribute; it is a field of its own");
    auto value = take_compact_value(from, nullable);
    if (!value) return;
    if (const auto* const text = std::get_if<std::string>(&*value)) check_string(name, *text);
    builder.take_extension(std::string(name), *std::move(value));
  });
  auto data = in_field("data", from, [&] {
    body carried{builder.content_type(), std::nullopt};
    if (from.take_branch(2) == 0) carried.bytes = from.take_bytes();
    return data_of(std::move(carried));
  });
  return std::move(builder).finish(std::move(data));
}

}  // namespace must::cloudevents::detail

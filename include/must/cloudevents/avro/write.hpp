// SPDX-License-Identifier: MIT
// Writes a CloudEvent in Avro: a map of attributes in one block, and the data.
#pragma once

#include "must/avro/encode.hpp"
#include "must/cloudevents/attributes.hpp"
#include "must/cloudevents/body.hpp"
#include "must/cloudevents/canonical.hpp"
#include "must/record.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace must::cloudevents::detail {

// Collects the entries of the map of attributes. Each value has the index of its type before it.
class avro_attributes {
 public:
  void string(std::string_view name, std::string_view text) {
    begin(name, 3);
    must::detail::avro::append_bytes(entries_, text);
  }
  void value(std::string_view name, const attribute_value& value) {
    if (const auto* const truth = std::get_if<bool>(&value)) {
      begin(name, 1);
      must::detail::avro::append_boolean(entries_, *truth);
    } else if (const auto* const number = std::get_if<std::int32_t>(&value)) {
      begin(name, 2);
      must::detail::avro::append_long(entries_, *number);
    } else if (const auto* const data = std::get_if<binary>(&value)) {
      begin(name, 4);
      must::detail::avro::append_bytes(entries_, data->bytes);
    } else {
      string(name, to_text(name, value));
    }
  }
  void append_to(std::string& out) const { must::detail::avro::append_items(out, count_, entries_); }

 private:
  void begin(std::string_view name, std::int64_t branch) {
    must::detail::avro::append_bytes(entries_, name);
    must::detail::avro::append_long(entries_, branch);
    ++count_;
  }
  std::string entries_{};
  std::size_t count_ = 0;
};

template <typename Event>
std::string avro_document(const Event& event, const payload& data) {
  const auto carried = body_of(data);
  avro_attributes attributes;
  each_core_attribute(event, data, [&](std::string_view name, std::string_view text) {
    if (name != "datacontenttype") attributes.string(name, text);
  });
  if (!carried.content_type.empty()) attributes.string("datacontenttype", carried.content_type);
  for (const auto& [name, value] : exported_extensions(event, data, record_extensions(event)))
    attributes.value(name, value);
  std::string out;
  attributes.append_to(out);
  must::detail::avro::append_long(out, carried.bytes ? 0 : 1);
  if (carried.bytes) must::detail::avro::append_bytes(out, *carried.bytes);
  return out;
}

}  // namespace must::cloudevents::detail

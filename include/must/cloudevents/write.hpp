// SPDX-License-Identifier: MIT
// Writes a CloudEvent as a JSON object: attributes, extensions by name, data.
#pragma once

#include "must/cloudevents/attributes.hpp"
#include "must/cloudevents/canonical.hpp"
#include "must/record.hpp"
#include "must/text/base64.hpp"
#include "must/text/json_text.hpp"
#include "must/text/media_type.hpp"
#include "must/text/utf8.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace must::cloudevents::detail {

// Writes the members of an object, one after another. An indent below zero puts all of it on one line.
class object_writer {
 public:
  object_writer(std::string& out, int indent, int level) : out_(out), indent_(indent), level_(level) { out_ += '{'; }
  void string(std::string_view name, std::string_view value) {
    begin(name);
    must::detail::text::append_json_string(out_, value);
  }
  // Writes a value that is JSON already.
  void json(std::string_view name, std::string_view value) {
    begin(name);
    must::detail::text::append_json(out_, value, indent_, level_ + 1);
  }
  void end() {
    line(level_);
    out_ += '}';
  }

 private:
  void begin(std::string_view name) {
    if (!first_) out_ += ',';
    first_ = false;
    line(level_ + 1);
    must::detail::text::append_json_string(out_, name);
    out_ += indent_ < 0 ? ":" : ": ";
  }
  void line(int level) {
    if (indent_ >= 0) (out_ += '\n').append(static_cast<std::size_t>(indent_) * static_cast<std::size_t>(level), ' ');
  }
  std::string& out_;
  int indent_, level_;
  bool first_ = true;
};

// Returns the value of an attribute as JSON, checked. \see CloudEvents 1.0.2, "Type System"; JSON Event Format, section
// 2.2
inline std::string attribute_json(std::string_view name, const attribute_value& value) {
  auto text = to_text(name, value);
  if (const auto type = type_of(value); type == attribute_type::boolean || type == attribute_type::integer) return text;
  std::string out;
  must::detail::text::append_json_string(out, text);
  return out;
}

// Returns whether reading the JSON value gives these bytes again: JSON on one line, without space, and not null. In an
// event of a batch it stands two levels deeper.
inline bool is_plain_json(std::string_view bytes) {
  if (must::detail::text::json_flaw(bytes, must::detail::text::json_depth_limit - 2)) return false;
  std::string compact;
  must::detail::text::append_json(compact, bytes);
  return compact == bytes && bytes != "null";
}

// Bytes that a JSON value or a string would not give back are written in base64: JSON with space in it, or that is no
// JSON at all, whatever the media type says. \see JSON Event Format 1.0.2, section 3.1.1 "Payload Serialization"
inline void write_data(object_writer& object, const payload& data) {
  switch (data.state()) {
    case payload::kind::absent:
    case payload::kind::erased: return;
    case payload::kind::null: return object.json("data", "null");
    case payload::kind::present: break;
  }
  const auto& type = data.content_type();
  const auto bytes = data.bytes();
  if (must::detail::text::is_json_media_type(type)) {
    if (is_plain_json(bytes)) return object.json("data", bytes);
  } else if (!type.empty() && !must::detail::text::is_wide_text(type) && must::detail::text::is_utf8(bytes)) {
    return object.string("data", bytes);
  }
  object.string("data_base64", must::detail::text::to_base64(bytes));
}

// Appends the event. `record` holds what an export adds to a recorded event.
template <typename Data>
void write_event(std::string& out, const basic_event<Data>& event, const payload& data, attributes record, int indent,
                 int level) {
  object_writer object(out, indent, level);
  each_core_attribute(event, data, [&](std::string_view name, const std::string& text) { object.string(name, text); });
  for (const auto& [name, value] : exported_extensions(event, data, std::move(record)))
    object.json(name, attribute_json(name, value));
  write_data(object, data);
  object.end();
}

}  // namespace must::cloudevents::detail

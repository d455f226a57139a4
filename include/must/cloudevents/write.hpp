// SPDX-License-Identifier: MIT
// A CloudEvent as a JSON object: attributes, extensions by name, data.
#pragma once

#include "must/cloudevents/attributes.hpp"
#include "must/record.hpp"
#include "must/text/base64.hpp"
#include "must/text/json_text.hpp"
#include "must/text/utf8.hpp"
#include "must/timestamp.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>

namespace must::cloudevents::detail {

// Writes the members of an object, one after another. An indent below zero puts all of it on one line.
class object_writer {
 public:
  object_writer(std::string& out, int indent, int level) : out_(out), indent_(indent), level_(level) { out_ += '{'; }
  void string(std::string_view name, std::string_view value) {
    begin(name);
    must::detail::text::append_json_string(out_, value);
  }
  // A value that is JSON already.
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

inline std::string written_time(std::string_view attribute, const timestamp& when) {
  auto text = when.to_string();
  check_timestamp(attribute, text);
  return text;
}

// The value of an attribute as JSON, checked. \see CloudEvents 1.0.2, "Type System"; JSON Event Format, section 2.2
inline std::string attribute_json(std::string_view name, const attribute_value& value) {
  const auto as_string = [](std::string_view text) {
    std::string out;
    must::detail::text::append_json_string(out, text);
    return out;
  };
  struct {
    std::string_view name;
    decltype(as_string)& string;
    std::string operator()(bool truth) const { return truth ? "true" : "false"; }
    std::string operator()(std::int32_t number) const { return std::to_string(number); }
    std::string operator()(const std::string& text) const { return check_string(name, text), string(text); }
    std::string operator()(const binary& data) const { return string(must::detail::text::to_base64(data.bytes)); }
    std::string operator()(const uri& address) const { return check_uri(name, address.text), string(address.text); }
    std::string operator()(const uri_reference& address) const {
      return check_uri_reference(name, address.text), string(address.text);
    }
    std::string operator()(const timestamp& when) const { return string(written_time(name, when)); }
  } visitor{name, as_string};
  return std::visit(visitor, value);
}

// Tags as the text of a JSON array: it has no character that an attribute may not have.
inline std::string tags_text(const tag_set& tags) {
  std::string text = "[";
  for (const auto& tag : tags) {
    if (tag.empty()) refuse("tags", "has an empty tag");
    if (!must::detail::text::is_utf8(tag))
      refuse("tags", "has " + must::detail::text::in_quotes(tag) + ", which is not valid UTF-8");
    if (text.size() > 1) text += ',';
    must::detail::text::append_json_string(text, tag);
  }
  return text += ']';
}

/// \see JSON Event Format 1.0.2, section 3.1.1 "Payload Serialization"
inline void write_data(object_writer& object, const payload& data) {
  switch (data.state()) {
    case payload::kind::absent:
    case payload::kind::erased: return;
    case payload::kind::null: return object.json("data", "null");
    case payload::kind::present: break;
  }
  if (holds_json(data.content_type())) {
    if (const auto flaw = must::detail::text::json_flaw(data.bytes()))
      refuse("data",
             "is declared " + must::detail::text::in_quotes(data.content_type()) + " and is not JSON: " + *flaw);
    return object.json("data", data.bytes());
  }
  if (!data.content_type().empty() && must::detail::text::is_utf8(data.bytes()))
    return object.string("data", data.bytes());
  object.string("data_base64", must::detail::text::to_base64(data.bytes()));
}

// Appends the event. `own` holds must's extensions of a recorded event, by name, as JSON.
template <typename Data>
void write_event(std::string& out, const basic_event<Data>& event, const payload& data,
                 // NOLINTNEXTLINE(misc-include-cleaner): <functional> is heavy
                 std::map<std::string, std::string, std::less<>> own, int indent, int level) {
  object_writer object(out, indent, level);
  const auto required = [&](std::string_view name, const std::string& text) {
    check_core(name, text), object.string(name, text);
  };
  const auto optional = [&](std::string_view name, const std::string& text) {
    if (!text.empty()) required(name, text);
  };
  object.string("specversion", "1.0");
  required("id", event.id);
  required("source", event.source);
  required("type", event.type);
  optional("subject", event.subject);
  if (event.time) object.string("time", written_time("time", *event.time));
  optional("datacontenttype", data.content_type());
  optional("dataschema", event.dataschema);

  if (!event.tags.empty()) own[std::string(musttags)] = attribute_json(musttags, tags_text(event.tags));
  if (const auto erased = data.erased_how()) {
    own[std::string(musterased)] = attribute_json(musterased, erased->when);
    if (!erased->why.empty()) own[std::string(musterasedwhy)] = attribute_json(musterasedwhy, erased->why);
  }
  for (const auto& [name, value] : event.extensions) {
    check_attribute_name(name);
    if (is_core_attribute(name)) refuse(name, "is an attribute of CloudEvents itself, and cannot be an extension");
    if (name == musttags || name == musterased || name == musterasedwhy ||
        !own.try_emplace(name, attribute_json(name, value)).second)
      refuse(name, "is an extension that must writes itself");
  }
  for (const auto& [name, value] : own) object.json(name, value);
  write_data(object, data);
  object.end();
}

// Must's extensions of a recorded event.
template <typename Data>
std::map<std::string, std::string, std::less<>> extensions_of(const recorded<Data>& event) {
  const auto padded = [](std::uint64_t number) {
    const auto digits = std::to_string(number);
    return std::string(20 - digits.size(), '0') + digits;
  };
  std::map<std::string, std::string, std::less<>> own;
  own[std::string(sequence)] = attribute_json(sequence, padded(event.position));
  if (event.version > INT32_MAX)
    own[std::string(streamversion)] = attribute_json(streamversion, std::to_string(event.version));
  else if (event.version > 0)
    own[std::string(streamversion)] = attribute_json(streamversion, static_cast<std::int32_t>(event.version));
  own[std::string(recordedtime)] = attribute_json(recordedtime, event.recorded_at);
  return own;
}

}  // namespace must::cloudevents::detail

// SPDX-License-Identifier: MIT
// Reads a CloudEvent from a JSON object that is valid, with no name twice.
#pragma once

#include "must/cloudevents/attributes.hpp"
#include "must/cloudevents/canonical.hpp"
#include "must/record.hpp"
#include "must/stream_version.hpp"
#include "must/text/base64.hpp"
#include "must/text/json_text.hpp"
#include "must/text/media_type.hpp"
#include "must/text/quoted.hpp"
#include "must/text/utf8.hpp"

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

namespace must::cloudevents::detail {

// Returns a value as it stands in the document, shortened, for a message.
inline std::string shown(std::string_view json) {
  return json.front() == '"' ? in_quotes(json.substr(1, json.size() - 2))
                             : must::detail::text::printable(must::detail::text::cut(json, 64));
}

// Returns the text of a JSON value, which has to be a string.
inline std::string read_string(std::string_view attribute, std::string_view json) {
  if (json.front() != '"') refuse(attribute, "is " + shown(json) + ", which is not a string");
  auto text = must::detail::text::read_json_string(json);
  if (!text) refuse(attribute, shown(json) + " escapes half of a surrogate pair");
  return *std::move(text);
}

// Reads the value of an extension by what JSON tells of its type. \see JSON Event Format 1.0.2, section 2.2
inline attribute_value read_extension(std::string_view name, std::string_view json) {
  if (json == "true" || json == "false") return json == "true";
  if (json.front() == '"') {
    auto text = read_string(name, json);
    check_string(name, text);
    return text;
  }
  if (json.front() == '{' || json.front() == '[')
    refuse(name, "is an object or array; an attribute is a boolean, an integer or a string");
  std::int32_t number = 0;
  const auto [end, failure] = std::from_chars(json.data(), json.data() + json.size(), number);
  if (failure != std::errc() || end != json.data() + json.size())
    refuse(name, "is " + shown(json) + ", which is not an integer of 32 bits");
  return number;
}

inline tag_set read_tags(const attribute_value& value) {
  const auto* const text = std::get_if<std::string>(&value);
  if (text == nullptr || must::detail::text::json_flaw(*text) || text->front() != '[')
    refuse(musttags, "is not a JSON array in a string");
  std::vector<std::string> tags;
  for (must::detail::text::json_cursor array(*text); array.next();) {
    tags.push_back(read_string(musttags, array.take_value()));
    check_not_empty(musttags, tags.back());
  }
  return tag_set(std::move(tags));
}

// Returns the bytes of `data` or `data_base64`. \see JSON Event Format 1.0.2, section 3.1.2 "Payload Deserialization"
inline payload read_data(std::string content_type, std::string_view data, std::string_view base64) {
  if (base64.empty() && data.empty()) return payload::absent(std::move(content_type));
  if (!base64.empty() && !data.empty()) refuse("data_base64", "stands beside data; an event has one of them");
  if (content_type.empty() && base64.empty()) content_type = "application/json";
  if (!base64.empty()) {
    const auto text = read_string("data_base64", base64);
    auto bytes = must::detail::text::from_base64(text);
    if (!bytes) refuse("data_base64", in_quotes(text) + " is not padded base64");
    return {std::move(content_type), *std::move(bytes)};
  }
  if (data == "null") return payload::null(std::move(content_type));
  if (!must::detail::text::is_json_media_type(content_type)) {
    auto bytes = read_string("data", data);
    return {std::move(content_type), std::move(bytes)};
  }
  std::string compact;
  must::detail::text::append_json(compact, data);
  return {std::move(content_type), std::move(compact)};
}

inline void take_erasure(cloud_event& event) {
  const auto when = event.extensions.find(musterased), why = event.extensions.find(musterasedwhy);
  if (when == event.extensions.end()) {
    if (why != event.extensions.end()) refuse(musterasedwhy, "stands without musterased");
    return;
  }
  const auto text = [](const auto& extension) {
    const auto* const string = std::get_if<std::string>(&extension->second);
    if (string == nullptr) refuse(extension->first, "is not a string");
    return *string;
  };
  if (event.data.state() != payload::kind::absent) refuse(musterased, "stands beside data");
  erasure how{why == event.extensions.end() ? std::string() : text(why), check_timestamp(musterased, text(when))};
  event.data = payload::erased(std::move(how), event.data.content_type());
  event.extensions.erase(when);
  if (why != event.extensions.end()) event.extensions.erase(why);
}

// Collects the attributes of an event, whichever format or protocol they come by.
class event_builder {
 public:
  explicit event_builder(const declared_types& types) : types_(&types) {}

  // Takes an attribute that the specification defines, from its text. Returns false when it defines none of that name.
  bool take_core(std::string_view name, std::string text) {
    if (name == "data" || !is_core_attribute(name)) return false;
    if (name == "time") {
      event_.time = check_timestamp(name, text);
      return true;
    }
    check_core(name, text);
    if (name == "specversion") {
      if (text != "1.0") refuse(name, "is " + in_quotes(text) + "; only \"1.0\" is read");
      versioned_ = true;
    } else {
      member(name) = std::move(text);
    }
    return true;
  }
  void take_extension(const std::string& name, attribute_value value) {
    event_.extensions.emplace(name, as_declared(name, std::move(value), *types_));
  }
  [[nodiscard]] const std::string& content_type() const { return content_type_; }

  // Returns the event, with tags and an erasure taken out of the extensions.
  [[nodiscard]] cloud_event finish(payload data) && {
    if (!versioned_) refuse("specversion", "is missing");
    if (event_.id.empty()) refuse("id", "is missing");
    if (event_.source.empty()) refuse("source", "is missing");
    if (event_.type.empty()) refuse("type", "is missing");
    event_.data = std::move(data);
    take_erasure(event_);
    if (const auto tags = event_.extensions.find(musttags); tags != event_.extensions.end()) {
      event_.tags = read_tags(tags->second);
      event_.extensions.erase(tags);
    }
    return std::move(event_);
  }

 private:
  std::string& member(std::string_view name) {
    return name == "id"           ? event_.id
           : name == "source"     ? event_.source
           : name == "type"       ? event_.type
           : name == "subject"    ? event_.subject
           : name == "dataschema" ? event_.dataschema
                                  : content_type_;
  }

  const declared_types* types_;
  cloud_event event_{};
  std::string content_type_{};
  bool versioned_ = false;
};

// Returns the event of a JSON value.
inline cloud_event read_event(std::string_view json, const declared_types& types = {}) {
  if (json.front() != '{') refuse("event", "is " + shown(json) + ", which is not a JSON object");
  event_builder builder(types);
  std::string_view data, base64;
  for (must::detail::text::json_cursor members(json); members.next();) {
    const auto literal = members.take_name();
    const auto value = members.take_value();
    const auto name = must::detail::text::read_json_string(literal).value_or(std::string(literal));
    if (name == "data") {
      data = value;
      continue;
    }
    if (name != "data_base64") check_attribute_name(name);
    if (value == "null") continue;
    if (name == "data_base64")
      base64 = value;
    else if (is_core_attribute(name))
      builder.take_core(name, read_string(name, value));
    else
      builder.take_extension(name, read_extension(name, value));
  }
  auto content = read_data(builder.content_type(), data, base64);
  return std::move(builder).finish(std::move(content));
}

// Takes an extension of digits away: the position, or the version.
inline std::optional<std::uint64_t> take_number(cloud_event& event, std::string_view name) {
  const auto found = event.extensions.find(name);
  if (found == event.extensions.end()) return std::nullopt;
  const auto* const integer = std::get_if<std::int32_t>(&found->second);
  const auto* const string = std::get_if<std::string>(&found->second);
  const auto text = integer != nullptr ? std::to_string(*integer) : string != nullptr ? *string : std::string();
  std::uint64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || failure != std::errc() || end != text.data() + text.size())
    refuse(name, in_quotes(text) + " is not a number of a store");
  event.extensions.erase(found);
  return number;
}

inline const declared_types& recorded_time_type() {
  static const declared_types types{{std::string(recordedtime), attribute_type::timestamp}};
  return types;
}

// Takes away what an export put before names that are its own.
inline void give_back_names(attributes& extensions) {
  attributes renamed;
  for (auto at = extensions.begin(); at != extensions.end();) {
    const auto one = at++;
    if (!is_of_record(one->first)) continue;
    auto taken = extensions.extract(one);
    taken.key().erase(0, origin.size());
    renamed.insert(std::move(taken));
  }
  extensions.merge(renamed);
}

// Returns the event with what its store knows of it. A store of `must` has to have written it.
inline recorded<payload> read_recorded(cloud_event event) {
  if (const auto found = event.extensions.find(sequence); found != event.extensions.end())
    if (const auto* const text = std::get_if<std::string>(&found->second); text == nullptr || text->size() != 20)
      refuse(sequence, "is not a position of 20 digits");
  const auto position = take_number(event, sequence);
  if (!position) refuse(sequence, "is missing: the event does not come from a store");
  const auto version = take_number(event, streamversion);
  const auto time = event.extensions.find(recordedtime);
  if (time == event.extensions.end()) refuse(recordedtime, "is missing: the event does not come from a store");
  const auto when = std::get<timestamp>(as_declared(recordedtime, time->second, recorded_time_type()));
  event.extensions.erase(time);
  give_back_names(event.extensions);
  return {std::move(event), *position, must::version(version.value_or(0)), when};
}

}  // namespace must::cloudevents::detail

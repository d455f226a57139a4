// SPDX-License-Identifier: MIT
// An event as a message of a protocol, public: headers by name and canonical text, a content type, a body; and back.
#pragma once

#include "must/cloudevents.hpp"
#include "must/cloudevents/attributes.hpp"
#include "must/cloudevents/body.hpp"
#include "must/cloudevents/canonical.hpp"
#include "must/cloudevents/percent.hpp"
#include "must/cloudevents/read.hpp"
#include "must/record.hpp"
#include "must/stored_names.hpp"
#include "must/text/media_type.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace must::cloudevents {

/// The way in which a protocol names the attributes of an event, and writes their values.
struct header_style {
  std::string_view prefix{};                        ///< The prefix of the names that are written.
  std::array<std::string_view, 3> read_prefixes{};  ///< Other prefixes that are read. An empty text is no prefix.
  bool percent_encoded = false;                     ///< Whether values are percent-encoded, as HTTP asks for.
  bool any_case = false;                            ///< Whether names are read in upper and lower case.
};

/// The headers of Kafka: `ce_id`. \see Kafka Protocol Binding 1.0.2
inline constexpr header_style kafka_headers{"ce_"};
/// The application properties of AMQP: `cloudEvents:id`. Three other prefixes that are in use are read, too.
/// \see AMQP Protocol Binding 1.0.2
inline constexpr header_style amqp_headers{"cloudEvents:", {"cloudEvents_", "ce-", "ce_"}};
/// The headers of HTTP: `ce-id`, percent-encoded. \see HTTP Protocol Binding 1.0.2, section 3.1.3
inline constexpr header_style http_headers{"ce-", {}, true, true};

/// The two ways in which a message carries an event.
enum class content_mode : std::uint8_t {
  binary,     ///< The attributes are headers, and the data is the body, unless the data is itself an event.
  structured  ///< The whole event is the body, in the JSON format.
};

/// One header of a message.
struct header {
  std::string name{};   ///< The name, with its prefix.
  std::string value{};  ///< The value, encoded as the protocol asks for.
  friend bool operator==(const header&, const header&) = default;
};

/// A message that carries one event.
struct message {
  std::string content_type{};         ///< The media type of the body, or an empty text.
  std::vector<header> headers{};      ///< The attributes, in binary mode.
  std::optional<std::string> body{};  ///< The body. Without one the event has no data.
  friend bool operator==(const message&, const message&) = default;
};

namespace detail {

// Returns whether a content type says that the body is a whole event, or a batch of events. A message with it is not in
// binary mode, whatever its headers are. \see HTTP Protocol Binding 1.0.2, section 3; Kafka and AMQP, section 3
inline bool is_of_events(std::string_view content_type) {
  return must::detail::text::starts_with_lower(content_type, "application/cloudevents");
}

// The types of the extensions that `must` writes itself, which are no strings.
inline bool is_number_of_must(std::string_view name) {
  return name == stored_names::extension::schema_version || name == stored_names::extension::command_count ||
         name == stored_names::extension::command_index;
}

// Returns the name of the attribute that a header carries, or nothing when it carries none.
inline std::optional<std::string> attribute_of(std::string_view name, const header_style& style) {
  std::string lower;
  if (style.any_case) {
    for (const char c : name) lower += must::detail::text::ascii_lower(c);
    name = lower;
  }
  const auto without = [&](std::string_view prefix) -> std::optional<std::string> {
    if (prefix.empty() || !name.starts_with(prefix)) return std::nullopt;
    return std::string(name.substr(prefix.size()));
  };
  if (auto found = without(style.prefix)) return found;
  for (const auto prefix : style.read_prefixes)
    if (auto found = without(prefix)) return found;
  return std::nullopt;
}

inline cloud_event read_binary(const message& from, const header_style& style, const declared_types& types) {
  event_builder builder(types);
  std::set<std::string, std::less<>> seen;
  for (const auto& [name, value] : from.headers) {
    auto attribute = attribute_of(name, style);
    if (!attribute) continue;
    check_attribute_name(*attribute);
    if (*attribute == "data" || *attribute == "datacontenttype")
      refuse(*attribute, "is a header; it is the body or the content type of the message");
    if (!seen.insert(*attribute).second) refuse(*attribute, "stands twice");
    auto text = style.percent_encoded ? percent_decoded(value) : value;
    if (is_core_attribute(*attribute))
      builder.take_core(*attribute, std::move(text));
    else if (is_number_of_must(*attribute))
      builder.take_extension(*attribute, from_text(*attribute, text, attribute_type::integer));
    else
      builder.take_extension(*attribute, from_text(*attribute, text, attribute_type::string));
  }
  if (!from.content_type.empty()) check_core("datacontenttype", from.content_type);
  return std::move(builder).finish(data_of({from.content_type, from.body}));
}

template <typename Event>
message binary_message(const Event& event, const payload& data, const header_style& style) {
  message made;
  const auto add = [&](std::string_view name, std::string text) {
    if (style.percent_encoded) text = percent_encoded(text);
    made.headers.push_back({std::string(style.prefix).append(name), std::move(text)});
  };
  each_core_attribute(event, data, [&](std::string_view name, std::string text) {
    if (name != "datacontenttype") add(name, std::move(text));
  });
  for (const auto& [name, value] : exported_extensions(event, data, record_extensions(event)))
    add(name, to_text(name, value));
  auto carried = body_of(data);
  made.content_type = std::move(carried.content_type);
  if (carried.bytes) made.body = *carried.bytes;
  return made;
}

}  // namespace detail

/// Makes the message that carries an event.
///
/// An event whose own content type is one of CloudEvents (`application/cloudevents+json`, a batch) is carried in
/// structured mode in any case: in binary mode it would be read as the event that is its data.
/// \param event  the event. The position, version and time of a recorded one are headers, too.
/// \param style  how the protocol names attributes
/// \param mode   whether the attributes are headers, or the body is the whole event
/// \throws bad_input  when an attribute is not what CloudEvents allows. `field` names it.
template <typename Event>
[[nodiscard]] message to_message(const Event& event, const header_style& style,
                                 content_mode mode = content_mode::binary) {
  if (mode == content_mode::binary) {
    const auto& data = detail::payload_of(event.data);
    if (!detail::is_of_events(data.content_type())) return detail::binary_message(event, data, style);
  }
  return {"application/cloudevents+json; charset=UTF-8", {}, cloudevents::to_json(event)};
}

/// Reads the event that a message carries. Its content type says whether that is in binary or in structured mode.
///
/// Headers without a prefix of the style are passed over. The value of a header is a string unless its type is
/// declared.
/// \param from   the message
/// \param style  how the protocol names attributes
/// \param types  the types of extensions by name
/// \throws bad_input  when the message is no event. `field` names the attribute, or is "content-type" or "body".
[[nodiscard]] inline cloud_event from_message(const message& from, const header_style& style,
                                              const declared_types& types = {}) {
  if (!detail::is_of_events(from.content_type)) return detail::read_binary(from, style, types);
  if (must::detail::text::starts_with_lower(from.content_type, "application/cloudevents-batch"))
    detail::refuse("content-type", "is a batch; from_json_batch reads those");
  if (!must::detail::text::is_json_media_type(from.content_type))
    detail::refuse("content-type", "is " + detail::in_quotes(from.content_type) + "; only the JSON format is read");
  if (!from.body) detail::refuse("body", "is missing");
  return cloudevents::from_json(*from.body, types);
}

}  // namespace must::cloudevents

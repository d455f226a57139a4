// SPDX-License-Identifier: MIT
// The rules for the attributes of a CloudEvent, which are the same for reading and writing.
#pragma once

#include "must/error.hpp"
#include "must/record.hpp"
#include "must/storage/kit/validate.hpp"
#include "must/stored_names.hpp"
#include "must/text/json_text.hpp"
#include "must/text/media_type.hpp"
#include "must/text/quoted.hpp"
#include "must/text/uri.hpp"
#include "must/text/utf8.hpp"
#include "must/timestamp.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace must::cloudevents::detail {

using must::detail::text::in_quotes;

// The extensions that an export of a recorded event adds.
using stored_names::extension::recordedtime, stored_names::extension::sequence, stored_names::extension::streamversion;
// The extensions that stand for tags and for an erased payload.
inline constexpr std::string_view musttags = stored_names::extension::tags,
                                  musterased = stored_names::extension::erased,
                                  musterasedwhy = stored_names::extension::erased_why;

// The prefix that keeps what an export adds apart from what other systems call the same: an extension `sequence` of the
// event itself is written as `originsequence`, and `originsequence` as `originoriginsequence`.
inline constexpr std::string_view origin = "origin";
inline bool is_of_record(std::string_view name) {
  while (name.starts_with(origin)) name.remove_prefix(origin.size());
  return name == sequence || name == streamversion || name == recordedtime;
}

[[noreturn]] inline void refuse(std::string_view attribute, const std::string& what) {
  must::kit::refuse_input(std::string(attribute), what);
}

// Returns whether an attribute of this name is one that the specification itself defines.
inline bool is_core_attribute(std::string_view name) {
  for (const std::string_view core :
       {"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "data"})
    if (name == core) return true;
  return false;
}

inline void check_attribute_name(std::string_view name) {
  if (!must::kit::is_attribute_name(name))
    raise({.code = error_code::bad_input,
           .message = must::detail::text::in_quotes(name) +
                      " is not the name of an attribute: names have letters a to z and digits only",
           .field = std::string(name)});
}

// Refuses a text that CloudEvents does not let a string hold. \see CloudEvents 1.0.2, "Type System", String
inline void check_string(std::string_view attribute, std::string_view text) {
  if (must::kit::is_attribute_text(text)) return;
  refuse(attribute, must::detail::text::in_quotes(text) + (must::detail::text::is_utf8(text)
                                                               ? " holds a control character or a noncharacter"
                                                               : " is not valid UTF-8"));
}

inline void check_not_empty(std::string_view attribute, std::string_view text) {
  if (text.empty()) refuse(attribute, "is empty");
}

inline void check_uri(std::string_view attribute, std::string_view text) {
  if (!must::detail::text::is_absolute_uri(text))
    refuse(attribute, must::detail::text::in_quotes(text) + " is not an absolute URI");
}

inline void check_uri_reference(std::string_view attribute, std::string_view text) {
  if (!must::detail::text::is_uri_reference(text))
    refuse(attribute, must::detail::text::in_quotes(text) + " is not a URI-reference");
}

inline timestamp check_timestamp(std::string_view attribute, std::string_view text) {
  const auto read = timestamp::parse(text);
  if (!read) refuse(attribute, read.error().message);
  return *read;
}

inline std::string written_time(std::string_view attribute, const timestamp& when) {
  auto text = when.to_string();
  check_timestamp(attribute, text);
  return text;
}

// Checks an attribute that the specification defines, save for time. Absent ones are not checked.
inline void check_core(std::string_view attribute, std::string_view text) {
  check_not_empty(attribute, text);
  check_string(attribute, text);
  if (attribute == "source") check_uri_reference(attribute, text);
  if (attribute == "dataschema") check_uri(attribute, text);
  if (attribute == "datacontenttype" && !must::detail::text::is_media_type(text))
    refuse(attribute, must::detail::text::in_quotes(text) + " is not a media type");
}

// Returns tags as the text of a JSON array, which has no character that an attribute may not have.
inline std::string tags_text(const tag_set& tags) {
  std::string text = "[";
  for (const auto& tag : tags) {
    if (tag.empty()) refuse("tags", "has an empty tag");
    if (!must::detail::text::is_utf8(tag)) refuse("tags", "has " + in_quotes(tag) + ", which is not valid UTF-8");
    if (text.size() > 1) text += ',';
    must::detail::text::append_json_string(text, tag);
  }
  return text += ']';
}

// Returns a number with zeros before it, so that texts sort as numbers do.
inline std::string padded(std::uint64_t number) {
  const auto digits = std::to_string(number);
  return std::string(20 - digits.size(), '0') + digits;
}

// Returns what an export adds to a recorded event.
template <typename Data>
attributes record_extensions(const recorded<Data>& event) {
  attributes own;
  own.emplace(sequence, padded(event.position));
  if (event.version.value > INT32_MAX)
    own.emplace(streamversion, std::to_string(event.version.value));
  else if (event.version > 0)
    own.emplace(streamversion, static_cast<std::int32_t>(event.version.value));
  own.emplace(recordedtime, event.recorded_at);
  return own;
}
template <typename Data>
attributes record_extensions(const basic_event<Data>&) {
  return {};
}

// Returns all extensions of an event as they are exported: its own, its tags, its erasure, and what `record` adds.
template <typename Data>
attributes exported_extensions(const basic_event<Data>& event, const payload& data, attributes record) {
  const bool is_recorded = !record.empty();
  auto all = std::move(record);
  if (!event.tags.empty()) all.emplace(musttags, tags_text(event.tags));
  if (auto erased = data.erased_how()) {
    all.emplace(musterased, erased->when);
    if (!erased->why.empty()) all.emplace(musterasedwhy, std::move(erased->why));
  }
  for (const auto& [name, value] : event.extensions) {
    check_attribute_name(name);
    if (is_core_attribute(name)) refuse(name, "is an attribute of CloudEvents itself, and cannot be an extension");
    if (name == musttags || name == musterased || name == musterasedwhy)
      refuse(name, "is an extension that `must` writes itself");
    all.emplace(is_recorded && is_of_record(name) ? std::string(origin) + name : name, value);
  }
  return all;
}

// Calls `visit(name, text)` for each attribute that the specification defines and the event has, in their order.
template <typename Data, typename Visit>
void each_core_attribute(const basic_event<Data>& event, const payload& data, Visit&& visit) {
  const auto required = [&](std::string_view name, const std::string& text) {
    check_core(name, text);
    visit(name, text);
  };
  const auto optional = [&](std::string_view name, const std::string& text) {
    if (!text.empty()) required(name, text);
  };
  visit("specversion", std::string("1.0"));
  required("id", event.id);
  required("source", event.source);
  required("type", event.type);
  optional("subject", event.subject);
  if (event.time) visit("time", written_time("time", *event.time));
  optional("datacontenttype", data.content_type());
  optional("dataschema", event.dataschema);
}

}  // namespace must::cloudevents::detail

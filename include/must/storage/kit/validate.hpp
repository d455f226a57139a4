// SPDX-License-Identifier: MIT
// The checks of input that every store makes first: names, tags, ids, sizes, queries, options.
#pragma once

#include "must/error.hpp"
#include "must/limits.hpp"
#include "must/one_of.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/text/quoted.hpp"
#include "must/text/uri.hpp"
#include "must/text/utf8.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace must::kit {

[[noreturn]] inline void refuse_input(std::string field, const std::string& what) {
  auto message = detail::text::printable(field) + " " + what;
  raise({.code = error_code::bad_input, .message = std::move(message), .field = std::move(field)});
}

// Whether `text` is ASCII without NUL, which most names are.
inline bool is_plain(std::string_view text) {
  constexpr std::uint64_t high = 0x8080808080808080U;
  constexpr std::uint64_t ones = 0x0101010101010101U;
  std::uint64_t odd = 0;
  const auto look = [&](std::uint64_t eight) { odd |= ((eight - ones) | eight) & high; };
  std::uint64_t eight = ones;
  const auto* at = text.data();
  auto left = text.size();
  for (; left >= 8; at += 8, left -= 8) {
    std::memcpy(&eight, at, 8);
    look(eight);
  }
  if (text.size() >= 8) {
    std::memcpy(&eight, at + left - 8, 8);
    look(eight);
  } else {
    for (; left > 0; ++at, --left) {
      const std::uint64_t one = static_cast<unsigned char>(*at);
      odd |= ((one - 1U) | one) & 0x80U;
    }
  }
  return odd == 0;
}

inline void check_name(const char* field, std::string_view name, std::size_t most = limits{}.name_bytes) {
  if (!name.empty() && name.size() <= most && is_plain(name)) return;
  if (name.empty()) refuse_input(field, "is empty");
  if (name.size() > most)
    refuse_input(field, detail::text::in_quotes(name) + " has " + std::to_string(name.size()) + " bytes; " +
                            std::to_string(most) + " are allowed");
  if (std::memchr(name.data(), '\0', name.size()) != nullptr)
    refuse_input(field, detail::text::in_quotes(name) + " contains NUL");
  if (!detail::text::is_utf8(name)) refuse_input(field, detail::text::in_quotes(name) + " is not valid UTF-8");
}

// Attribute names: [a-z0-9]+. \see CloudEvents 1.0.2, section 3.1
inline bool is_attribute_name(std::string_view name) {
  for (const char c : name)
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))) return false;
  return !name.empty();
}

// Whether CloudEvents lets a string hold what `text` holds. \see CloudEvents 1.0.2, "Type System", String
inline bool is_attribute_text(std::string_view text) {
  if (!detail::text::is_utf8(text)) return false;
  while (!text.empty())
    if (detail::text::is_barred_character(detail::text::take_code_point(text))) return false;
  return true;
}

// Extensions whose names belong to CloudEvents itself or to what a store adds to an event are refused, and values that
// CloudEvents forbids. What must itself writes into an event is as good as the names it comes from.
inline void check_extension(std::string_view name, const attribute_value& value, const char* field = "extension") {
  if (!is_attribute_name(name))
    refuse_input(field, detail::text::in_quotes(name) + " is not the name of an attribute: [a-z0-9]+");
  check_name(field, name);
  for (const std::string_view taken : {"id", "source", "specversion", "type", "datacontenttype", "dataschema",
                                       "subject", "time", "data", "musttags", "musterased", "musterasedwhy"})
    if (name == taken) refuse_input(field, detail::text::in_quotes(name) + " is the name of something else");
  if (name.starts_with("must")) return;
  const auto is = [&](std::string_view text, const char* what) {
    refuse_input(field,
                 detail::text::in_quotes(name) + " is " + detail::text::in_quotes(text) + ", which is no " + what);
  };
  if (const auto* text = std::get_if<std::string>(&value); text != nullptr && !is_attribute_text(*text))
    is(*text, "string of CloudEvents: valid UTF-8 without control characters");
  if (const auto* address = std::get_if<uri>(&value);
      address != nullptr && !detail::text::is_absolute_uri(address->text))
    is(address->text, "absolute URI");
  if (const auto* address = std::get_if<uri_reference>(&value);
      address != nullptr && !detail::text::is_uri_reference(address->text))
    is(address->text, "URI-reference");
}

inline void check_query(const query& which, std::size_t most = limits{}.name_bytes) {
  for (const auto& item : which.items()) {
    if (item.types.empty() && item.tags.empty() && !item.stream)
      refuse_input("query", "has an empty item; everything is spelled query::all()");
    for (const auto& type : item.types) check_name("type", type, most);
    for (const auto& tag : item.tags) check_name("tag", tag, most);
    if (item.stream) check_name("stream", *item.stream, most);
  }
}

inline void check_read(const query& which, const read_options& options, std::size_t most = limits{}.name_bytes) {
  check_query(which, most);
  if (options.limit && *options.limit < 0)
    refuse_input("limit", "is " + std::to_string(*options.limit) + "; it must not be negative");
  const read_options unlimited;
  if (options.after_version == 0 && options.until_version == unlimited.until_version) return;
  if (which.is_all()) refuse_input("after_version", "needs a query whose items all name a stream");
  for (const auto& item : which.items())
    if (!item.stream) refuse_input("after_version", "needs a query whose items all name a stream");
}

inline void check_data(const payload& data, const limits& allowed) {
  if (const auto size = data.bytes().size(); size > allowed.payload_bytes)
    refuse_input("data",
                 "has " + std::to_string(size) + " bytes; " + std::to_string(allowed.payload_bytes) + " are allowed");
}
template <typename... Event>
void check_data(const one_of<Event...>& data, const limits&) {
  if (!data.has_value()) refuse_input("data", "holds no event");
}

// Everything about an append that can be judged without looking into the store.
template <typename Data>
void check_append(std::span<const basic_event<Data>> events, const append_condition& condition, const limits& allowed) {
  if (events.empty()) refuse_input("events", "is empty: an append of nothing");
  if (events.size() > allowed.events_per_append)
    refuse_input("events", "has " + std::to_string(events.size()) + " events; " +
                               std::to_string(allowed.events_per_append) + " are allowed in one append");
  for (const auto& event : events) {
    check_name("id", event.id, allowed.name_bytes);
    check_name("source", event.source, allowed.name_bytes);
    check_name("type", event.type, allowed.name_bytes);
    if (!event.subject.empty()) check_name("stream", event.subject, allowed.name_bytes);
    if (event.tags.size() > allowed.tags_per_event)
      refuse_input("tags", "has " + std::to_string(event.tags.size()) + " tags; " +
                               std::to_string(allowed.tags_per_event) + " are allowed on one event");
    for (const auto& tag : event.tags) check_name("tag", tag, allowed.name_bytes);
    for (const auto& [name, value] : event.extensions) check_extension(name, value);
    check_data(event.data, allowed);
  }
  check_query(condition.query, allowed.name_bytes);
  for (const auto& expectation : condition.streams) check_name("stream", expectation.stream, allowed.name_bytes);
}

}  // namespace must::kit

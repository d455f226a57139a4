// SPDX-License-Identifier: MIT
// The checks of input that every store makes first: names, tags, ids, sizes, queries, options.
#pragma once

#include "must/error.hpp"
#include "must/limits.hpp"
#include "must/one_of.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/storage/kit/identity.hpp"
#include "must/text/media_type.hpp"
#include "must/text/quoted.hpp"
#include "must/text/uri.hpp"
#include "must/text/utf8.hpp"
#include "must/timestamp.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace must::kit {

/// Refuses input. `field` names what is out of range, and `what` says why.
/// \throws bad_input  with the message "<field> <what>"
[[noreturn]] inline void refuse_input(std::string field, const std::string& what) {
  auto message = detail::text::printable(field) + " " + what;
  raise({.code = error_code::bad_input, .message = std::move(message), .field = std::move(field)});
}

/// Returns whether a text is ASCII without NUL, which most names are.
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

/// Checks a name, a tag or an id: 1 to `most` bytes of valid UTF-8 without NUL.
/// \throws bad_input  whose field is `field`
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

/// Returns whether a text is the name of an attribute, [a-z0-9]+. \see CloudEvents 1.0.2, section 3.1
inline bool is_attribute_name(std::string_view name) {
  for (const char c : name)
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))) return false;
  return !name.empty();
}

/// Returns whether CloudEvents lets a string hold a text: valid UTF-8 without control characters and noncharacters.
/// \see CloudEvents 1.0.2, "Type System", String
inline bool is_attribute_text(std::string_view text) {
  if (!detail::text::is_utf8(text)) return false;
  while (!text.empty())
    if (detail::text::is_barred_character(detail::text::take_code_point(text))) return false;
  return true;
}

/// Checks a time: one that timestamp::parse may have read, so that it can be stored and written again.
/// \throws bad_input  whose field is `field`
inline void check_time(const char* field, const timestamp& when) {
  constexpr std::int64_t first = -62'167'219'200'000'000, last = 253'402'300'799'999'999;  // years 0 to 9999
  constexpr std::int64_t day = 86'400'000'000;
  const bool is_in_utc = when.offset_minutes == 0 && when.written == timestamp::notation::z;
  if (is_in_utc && when.femtoseconds_of_billion == 0 && when.digits <= 6 && when.microseconds >= first &&
      when.microseconds <= last)
    return;
  if (when.microseconds < first - day || when.microseconds > last + day || when.femtoseconds_of_billion > 999'999'999 ||
      when.digits > 15 || when.offset_minutes < -1439 || when.offset_minutes > 1439 ||
      when.written > timestamp::notation::unknown_offset_leap)
    refuse_input(field, "is no time: a part of the timestamp is out of its range");
  const auto text = when.to_string();
  if (!timestamp::parse(text)) refuse_input(field, detail::text::in_quotes(text) + " is no time of RFC 3339");
}

/// Checks the name and the value of an extension. It refuses names that belong to CloudEvents itself or to what a store
/// adds to an event, and values that CloudEvents forbids. Under names that start with "must" only times are checked.
/// \throws bad_input  whose field is `field`
inline void check_extension(std::string_view name, const attribute_value& value, const char* field = "extension") {
  if (!is_attribute_name(name))
    refuse_input(field, detail::text::in_quotes(name) + " is not the name of an attribute: [a-z0-9]+");
  check_name(field, name);
  for (const std::string_view taken : {"id", "source", "specversion", "type", "datacontenttype", "dataschema",
                                       "subject", "time", "data", "musttags", "musterased", "musterasedwhy"})
    if (name == taken) refuse_input(field, detail::text::in_quotes(name) + " is the name of something else");
  if (const auto* time = std::get_if<timestamp>(&value)) check_time(field, *time);
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

/// Checks a query: no item is empty, and its names have 1 to `most` bytes.
/// \throws bad_input  whose field is query, type, tag or stream
inline void check_query(const query& which, std::size_t most = limits{}.name_bytes) {
  for (const auto& item : which.items()) {
    if (item.types.empty() && item.tags.empty() && !item.stream)
      refuse_input("query", "has an empty item; everything is spelled query::all()");
    for (const auto& type : item.types) check_name("type", type, most);
    for (const auto& tag : item.tags) check_name("tag", tag, most);
    if (item.stream) check_name("stream", *item.stream, most);
  }
}

/// Checks the query and the options of a read. Every store calls it first.
/// \throws bad_input  whose field names what is out of range
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

/// Checks the data of an event.
/// \throws bad_input  for data that is larger than `allowed.payload_bytes`
/// \throws bad_input  for a content type that is no media type, and for an erasure that no text or no time tells
inline void check_data(const payload& data, const limits& allowed) {
  if (const auto& type = data.content_type(); !type.empty() && !detail::text::is_media_type(type))
    refuse_input("datacontenttype", detail::text::in_quotes(type) + " is not a media type");
  if (const auto erased = data.erased_how()) {
    check_time("erased", erased->when);
    if (!is_attribute_text(erased->why))
      refuse_input("erased", detail::text::in_quotes(erased->why) +
                                 " is the reason, which is no string of CloudEvents: valid UTF-8 without control "
                                 "characters");
  }
  if (const auto size = data.bytes().size(); size > allowed.payload_bytes)
    refuse_input("data",
                 "has " + std::to_string(size) + " bytes; " + std::to_string(allowed.payload_bytes) + " are allowed");
}
/// Checks the data of an event. \throws bad_input  for data that holds no event
template <typename... Event>
void check_data(const one_of<Event...>& data, const limits&) {
  if (!data.has_value()) refuse_input("data", "holds no event");
}

/// Returns the size of the data of an event in bytes. It is 0 for data that is not bytes.
[[nodiscard]] inline std::size_t data_bytes(const payload& data) {
  return data.bytes().size() + data.content_type().size();
}
/// Returns 0, which counts for data that is not bytes.
template <typename... Event>
[[nodiscard]] std::size_t data_bytes(const one_of<Event...>&) {
  return 0;
}

/// Returns the size of an event as every bound of appends, batches and pages counts it: the bytes of its names, tags,
/// extensions and data, and 64 for each tag and each extension.
template <typename Data>
[[nodiscard]] std::size_t event_bytes(const basic_event<Data>& event) {
  constexpr std::size_t each = 64;
  auto sum = event.id.size() + event.source.size() + event.type.size() + event.subject.size() +
             event.dataschema.size() + data_bytes(event.data);
  for (const auto& tag : event.tags) sum += each + tag.size();
  for (const auto& [name, value] : event.extensions) {
    sum += each + name.size();
    if (const auto* text = std::get_if<std::string>(&value)) sum += text->size();
    if (const auto* bytes = std::get_if<binary>(&value)) sum += bytes->bytes.size();
    if (const auto* link = std::get_if<uri>(&value)) sum += link->text.size();
    if (const auto* link = std::get_if<uri_reference>(&value)) sum += link->text.size();
  }
  return sum;
}

/// Checks one event of an append. \throws bad_input  whose field names what is out of range
template <typename Data>
void check_event(const basic_event<Data>& event, const limits& allowed) {
  check_name("id", event.id, allowed.name_bytes);
  check_name("source", event.source, allowed.name_bytes);
  check_name("type", event.type, allowed.name_bytes);
  if (!event.subject.empty()) check_name("stream", event.subject, allowed.name_bytes);
  if (event.tags.size() > allowed.tags_per_event)
    refuse_input("tags", "has " + std::to_string(event.tags.size()) + " tags; " +
                             std::to_string(allowed.tags_per_event) + " are allowed on one event");
  for (const auto& tag : event.tags) check_name("tag", tag, allowed.name_bytes);
  if (event.time) check_time("time", *event.time);
  if (!event.dataschema.empty() && !detail::text::is_absolute_uri(event.dataschema))
    refuse_input("dataschema", detail::text::in_quotes(event.dataschema) + " is not an absolute URI");
  for (const auto& [name, value] : event.extensions) check_extension(name, value);
  check_data(event.data, allowed);
}

/// Checks everything about an append that can be judged without the store. Every store calls it first, before it takes
/// a lock.
/// \throws bad_input  whose field names what is out of range
/// \throws duplicate_id  for an id that stands twice in the append
template <typename Data>
void check_append(std::span<const basic_event<Data>> events, const append_condition& condition,
                  const limits& allowed = {}) {
  if (events.empty()) refuse_input("events", "is empty: an append of nothing");
  if (events.size() > allowed.events_per_append)
    refuse_input("events", "has " + std::to_string(events.size()) + " events; " +
                               std::to_string(allowed.events_per_append) + " are allowed in one append");
  std::size_t tags = 0, bytes = 0;
  for (const auto& event : events) {
    check_event(event, allowed);
    tags += event.tags.size();
    bytes += event_bytes(event);
  }
  if (tags > allowed.tags_per_append)
    refuse_input("tags", "of the append are " + std::to_string(tags) + "; " + std::to_string(allowed.tags_per_append) +
                             " are allowed in one append");
  if (bytes > allowed.append_bytes)
    refuse_input("events", "take " + std::to_string(bytes) + " bytes, with their names and tags; " +
                               std::to_string(allowed.append_bytes) + " are allowed in one append");
  check_query(condition.query, allowed.name_bytes);
  for (const auto& expectation : condition.streams) check_name("stream", expectation.stream, allowed.name_bytes);
  for (const auto& seen : condition.seen) {  // A shared store may allow longer names than a context in it.
    if (seen.position == 0) refuse_input("seen.position", "is 0, and is that of an event");
    check_name("seen.source", seen.source, SIZE_MAX);
    check_name("seen.id", seen.id, SIZE_MAX);
  }
  check_distinct(events);
}

}  // namespace must::kit

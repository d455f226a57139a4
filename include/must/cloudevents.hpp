// SPDX-License-Identifier: MIT
// CloudEvents 1.0.2 in JSON: the event format and the batch format, both ways, strictly.
#pragma once

#include "must/cloudevents/attributes.hpp"
#include "must/cloudevents/body.hpp"
#include "must/cloudevents/canonical.hpp"  // IWYU pragma: export
#include "must/cloudevents/read.hpp"
#include "must/cloudevents/write.hpp"
#include "must/error.hpp"
#include "must/record.hpp"
#include "must/result.hpp"
#include "must/text/json_text.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Reads and writes CloudEvents 1.0.2 in the JSON Event Format. Both check events alike.
///
/// Tags are written as the extension `musttags`, and an erased payload as `musterased` and `musterasedwhy`. A recorded
/// event also gets `sequence` (its position, of 20 digits), `streamversion` and `recordedtime`. An extension that has
/// one of these names already is written as `originsequence` and so on.
///
/// `data` is read as JSON, without the space between its tokens, and as `application/json` when there is no
/// `datacontenttype`. `data_base64` holds bytes as they are, and is written for every payload whose bytes `data` would
/// not give back. Extensions of the types Binary, URI, URI-reference and Timestamp are read as strings, since JSON does
/// not tell them apart, unless their types are declared.
namespace must::cloudevents {

namespace detail {

template <typename Data>
void append_event(std::string& out, const basic_event<Data>& event, int indent, int level = 0) {
  write_event(out, event, payload_of(event.data), {}, indent, level);
}
template <typename Data>
void append_event(std::string& out, const recorded<Data>& event, int indent, int level = 0) {
  write_event(out, event, payload_of(event.data), record_extensions(event), indent, level);
}

inline void check_document(std::string_view text) {
  if (const auto flaw = must::detail::text::json_flaw(text))
    raise({.code = error_code::bad_input, .message = "the document is not JSON: " + *flaw, .field = "document"});
}

// Returns the value of a text without faults, without the space around it.
inline std::string_view trimmed(std::string_view text) {
  while (must::detail::text::is_json_space(text.front())) text.remove_prefix(1);
  while (must::detail::text::is_json_space(text.back())) text.remove_suffix(1);
  return text;
}

// Returns what `next` returns. An error of it names the element at `index`.
template <typename Next>
decltype(auto) for_element(std::size_t index, Next&& next) {
  try {
    return next();
  } catch (const bad_input& thrown) {
    auto why = thrown.error();
    why.message = "element " + std::to_string(index) + " of the batch: " + why.message;
    raise(std::move(why));
  }
}

}  // namespace detail

/// Returns an event as a JSON object. Its members are in this order: specversion, id, source, type, subject, time,
/// datacontenttype, dataschema, the extensions by name, and data. The data of a store of structs is encoded by a codec.
/// \param event   the event
/// \param indent  the number of spaces of each level. A number below zero puts everything on one line.
/// \throws bad_input  when an attribute is not what CloudEvents allows. `field` names it.
/// \see JSON Event Format 1.0.2, section 3 "Envelope"
template <typename Data>
[[nodiscard]] std::string to_json(const basic_event<Data>& event, int indent = -1) {
  std::string out;
  detail::append_event(out, event, indent);
  return out;
}

/// Returns a recorded event as a JSON object, with `sequence` and `recordedtime`, and with `streamversion` when it has
/// a stream.
/// \throws bad_input  when an attribute is not what CloudEvents allows. `field` names it.
template <typename Data>
[[nodiscard]] std::string to_json(const recorded<Data>& event, int indent = -1) {
  std::string out;
  detail::append_event(out, event, indent);
  return out;
}

/// Reads an event. `sequence`, `streamversion` and `recordedtime` become extensions like any other, and stores keep
/// them.
///
/// \param text   the JSON text
/// \param types  the types of extensions that JSON does not tell, by name
/// \throws bad_input  when the text is not exactly one event. `field` names the attribute, or "document", the whole
/// text.
/// \see JSON Event Format 1.0.2, sections 2 and 3; CloudEvents 1.0.2, "Context Attributes"
[[nodiscard]] inline cloud_event from_json(std::string_view text, const declared_types& types = {}) {
  detail::check_document(text);
  return detail::read_event(detail::trimmed(text), types);
}

/// Reads an event as from_json does, and returns the error (bad_input) instead of throwing it.
[[nodiscard]] inline result<cloud_event> try_from_json(std::string_view text, const declared_types& types = {}) {
  try {
    return cloudevents::from_json(text, types);
  } catch (const bad_input& thrown) {
    return unexpected<error>(thrown.error());
  }
}

/// Reads a recorded event that to_json has written, with its position, its version and its time.
/// \throws bad_input  when the text is not exactly one event
/// \throws bad_input  when the event does not come from a store of `must`
[[nodiscard]] inline recorded<payload> recorded_from_json(std::string_view text, const declared_types& types = {}) {
  detail::check_document(text);
  return detail::read_recorded(detail::read_event(detail::trimmed(text), types));
}

/// Returns events, recorded or not, as a JSON array.
/// \throws bad_input  when an event is not what CloudEvents allows. The message tells its index.
/// \see JSON Event Format 1.0.2, section 4 "JSON Batch Format"
template <typename Range>
[[nodiscard]] std::string to_json_batch(const Range& events, int indent = -1) {
  std::string out = "[";
  std::size_t index = 0;
  const auto line = [&](int level) {
    if (indent >= 0) (out += '\n').append(static_cast<std::size_t>(indent) * static_cast<std::size_t>(level), ' ');
  };
  for (const auto& event : events) {
    if (index > 0) out += ',';
    line(1);
    detail::for_element(index++, [&] { detail::append_event(out, event, indent, 1); });
  }
  if (index > 0) line(0);
  return out += ']';
}

/// Reads a JSON array of events. When one event cannot be read, none is returned.
/// \throws bad_input  when the text is not such an array. The message tells the index of the event.
/// \see JSON Event Format 1.0.2, section 4 "JSON Batch Format"
[[nodiscard]] inline std::vector<cloud_event> from_json_batch(std::string_view text, const declared_types& types = {}) {
  detail::check_document(text);
  text = detail::trimmed(text);
  if (text.front() != '[')
    raise({.code = error_code::bad_input,
           .message = "the document is not a batch: it is not a JSON array",
           .field = "document"});
  std::vector<cloud_event> events;
  for (must::detail::text::json_cursor array(text); array.next();) {
    const auto element = array.take_value();
    detail::for_element(events.size(), [&] { events.push_back(detail::read_event(element, types)); });
  }
  return events;
}

}  // namespace must::cloudevents

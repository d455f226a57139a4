// SPDX-License-Identifier: MIT
// CloudEvents 1.0.2 in Avro, public: the binary encoding of the event format, both ways, strictly.
#pragma once

#include "must/cloudevents/avro/read.hpp"
#include "must/cloudevents/avro/schema.hpp"  // IWYU pragma: export
#include "must/cloudevents/avro/write.hpp"
#include "must/cloudevents/body.hpp"
#include "must/cloudevents/canonical.hpp"  // IWYU pragma: export
#include "must/cloudevents/read.hpp"
#include "must/error.hpp"
#include "must/record.hpp"
#include "must/result.hpp"

#include <string>
#include <string_view>

namespace must::cloudevents {

/// The content type of an event in Avro.
inline constexpr std::string_view avro_content_type = "application/cloudevents+avro";

/// Returns an event in Avro, in the binary encoding of avro_schema, with nothing before it and nothing behind.
///
/// Tags, an erasure and the rest are the extensions that to_json writes, too. Data is written as `bytes`, whatever its
/// content type, so that it comes back as it is. No data is `null`, and a JSON null is the bytes "null".
/// \param event  the event. The data of a store of structs is encoded by a codec.
/// \throws bad_input  when an attribute is not what CloudEvents allows. `field` names it.
/// \see Avro Event Format 1.0.2
template <typename Data>
[[nodiscard]] std::string to_avro(const basic_event<Data>& event) {
  return detail::avro_document(event, detail::payload_of(event.data));
}

/// Returns a recorded event in Avro, with `sequence` and `recordedtime`, and with `streamversion` when it has a stream.
/// \throws bad_input  when an attribute is not what CloudEvents allows. `field` names it.
template <typename Data>
[[nodiscard]] std::string to_avro(const recorded<Data>& event) {
  return detail::avro_document(event, detail::payload_of(event.data));
}

/// Reads an event in Avro. Data that is a JSON value is read as from_json reads the same value of `data`.
///
/// Extensions of the types URI, URI-reference and Timestamp are read as strings unless their types are declared. Maps
/// may have their entries in any order and in any number of blocks. JSON values nest at most 64 levels deep.
/// \param bytes  the document: exactly one event
/// \param types  the types of extensions that Avro does not tell, by name
/// \throws bad_input  when the bytes are not exactly one event. `field` names the attribute, "data", or "document", the
///                    whole. The message tells the byte.
[[nodiscard]] inline cloud_event from_avro(std::string_view bytes, const declared_types& types = {}) {
  return detail::read_avro_event(bytes, types);
}

/// Reads an event as from_avro does, and returns the error (bad_input) instead of throwing it.
[[nodiscard]] inline result<cloud_event> try_from_avro(std::string_view bytes, const declared_types& types = {}) {
  try {
    return cloudevents::from_avro(bytes, types);
  } catch (const bad_input& thrown) {
    return unexpected<error>(thrown.error());
  }
}

/// Reads a recorded event that to_avro has written, with its position, its version and its time.
/// \throws bad_input  when the bytes are not exactly one event
/// \throws bad_input  when the event does not come from a store of `must`
[[nodiscard]] inline recorded<payload> recorded_from_avro(std::string_view bytes, const declared_types& types = {}) {
  return detail::read_recorded(cloudevents::from_avro(bytes, types));
}

}  // namespace must::cloudevents

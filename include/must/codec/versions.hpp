// SPDX-License-Identifier: MIT
// Encodes events for a store, and reads any stored version as the current one.
#pragma once

#include "must/codec/codec.hpp"
#include "must/detail/names.hpp"
#include "must/error.hpp"
#include "must/event.hpp"
#include "must/fwd.hpp"
#include "must/one_of.hpp"
#include "must/record.hpp"
#include "must/stored_names.hpp"
#include "must/text/quoted.hpp"

#include <cstdint>
#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace must::detail::coding {

// Whether a store with this data keeps structs as they are.
template <typename Data>
inline constexpr bool keeps_structs = false;
template <typename... Event>
inline constexpr bool keeps_structs<one_of<Event...>> = true;

// Whether the data of a store of structs names Event.
template <typename Event, typename Data>
inline constexpr bool holds = false;
template <typename Event, typename... Other>
inline constexpr bool holds<Event, one_of<Other...>> = one_of<Other...>::template names<Event>;

// Stands for the data of a store where rules run without one, so that events are kept as they are.
struct unstored {};

template <typename Event, typename Data>
inline constexpr bool keeps = holds<Event, Data> || std::is_same_v<Data, payload> || std::is_same_v<Data, unstored>;

template <typename Event>
constexpr bool check_codec() {
  constexpr bool has_codec = Encodable<Event>;
  static_assert(has_codec,
                "must: no codec for this event: include must/codec/json.hpp and give the event to_json and from_json "
                "(NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE), or specialise must::codec");
  return has_codec;
}

// Whether a store may keep an event by its name. A name that follows the spelling of a struct would change with it, and
// what is stored would be lost.
template <typename Event, typename Data>
inline constexpr bool has_stored_name = !std::is_same_v<Data, payload> || has_static_type<Event>;

template <typename Data, typename Event>
Data to_data(const Event& event) {
  if constexpr (std::is_same_v<Data, payload>) {
    if constexpr (check_codec<Event>())
      return codec<Event>::encode(event);
    else
      return {};
  } else {
    static_assert(holds<Event, Data>, "must: the store does not know this event: name it in memory_store<...>");
    if constexpr (holds<Event, Data>)
      return Data(event);
    else
      return {};
  }
}

template <typename Data>
int stored_schema_version(const basic_event<Data>& event) {
  const auto found = event.extensions.find(std::string_view(stored_names::extension::schema_version));
  const auto* number = found == event.extensions.end() ? nullptr : std::get_if<std::int32_t>(&found->second);
  return number == nullptr ? 1 : *number;
}

[[noreturn]] inline void raise_undecodable(const std::string& id, const std::string& type, position at, error_code code,
                                           const std::string& reason, sparse_text field = {}) {
  raise({.code = code,
         .message = "event " + text::in_quotes(id) + " of type " + text::in_quotes(type) + " at position " +
                    std::to_string(at) + ": " + reason,
         .field = std::move(field),
         .event_id = id,
         .type = type,
         .position = at});
}

// Makes codec_error of what a codec of the program threw, for a catch block. Out of memory passes as it is.
[[noreturn]] inline void raise_undecodable(const std::string& id, const std::string& type, position at) {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const codec_error& why) {
    raise_undecodable(id, type, at, error_code::codec_error, why.error().message, why.error().field);
  } catch (const std::exception& why) {
    raise_undecodable(id, type, at, error_code::codec_error, text::printable(why.what()));
  } catch (...) {
    raise_undecodable(id, type, at, error_code::codec_error, "its codec threw something that is no std::exception");
  }
}

template <typename Event>
Event decode(const recorded<payload>& record) {
  if (const auto gone = record.data.erased_how())
    raise_undecodable(record.id, record.type, record.position, error_code::erased,
                      "its payload was erased at " + gone->when.to_string() + " (" + text::printable(gone->why) + ")");
  try {
    if constexpr (check_codec<Event>()) return codec<Event>::decode(record.data);
  } catch (...) {
    raise_undecodable(record.id, record.type, record.position);
  }
}

// Makes Wanted from an older version of it, hop by hop.
template <typename Wanted, typename Version>
Wanted upgraded(const Version& event) {
  using previous = typename Wanted::previous;
  if constexpr (std::is_same_v<previous, Version>)
    return Wanted(event);
  else
    return Wanted(upgraded<previous>(event));
}

// Makes Wanted from an event that is stored. What a conversion throws becomes what a codec throws.
template <typename Newest, typename Version, typename Data>
Newest upgraded_of(const recorded<Data>& record, const Version& event) {
  try {
    return upgraded<Newest>(event);
  } catch (...) {
    raise_undecodable(record.id, record.type, record.position);
  }
}

template <typename Newest, typename Version, typename Data, typename Use>
void use_as(const recorded<Data>& record, const Version& event, Use&& use) {
  if constexpr (std::is_same_v<Newest, Version>)
    use(event);
  else
    use(upgraded_of<Newest>(record, event));
}

// Calls `use(const Newest&)` when the record holds the version Version. Returns whether it did.
template <typename Newest, typename Version, typename Data, typename Use>
bool with_version(const recorded<Data>& record, Use&& use) {
  if constexpr (keeps_structs<Data>) {
    if constexpr (holds<Version, Data>) {
      if (const auto* event = record.data.template get_if<Version>()) {
        use_as<Newest>(record, *event, use);
        return true;
      }
    }
  } else if (stored_schema_version(record) == schema_version<Version> &&
             is_named<Version>({record.type.data(), record.type.size()})) {
    use_as<Newest>(record, decode<Version>(record), use);
    return true;
  }
  return false;
}

template <typename Newest, typename... Version, typename Data, typename Use>
bool with_any_version(list<Version...>, const recorded<Data>& record, Use&& use) {
  return (with_version<Newest, Version>(record, use) || ...);
}

// Calls `use(const Event&)` when the record is an Event of any known version. Returns whether it did. Throws
// codec_error when the name is that of Event but the schema version is none that is known.
template <typename Event, typename Data, typename Use>
bool with_event(const recorded<Data>& record, Use&& use) {
  static_assert(check_versions<Event>());
  static_assert(has_stored_name<Event, Data>,
                "must: this event is stored as bytes under a name that outlives its struct: add static constexpr auto "
                "type = \"...\"; to it");
  using versions = versions_of<Event>;
  if constexpr (std::is_same_v<Data, payload>)
    if (!any_is_named(versions{}, {record.type.data(), record.type.size()})) return false;
  if (with_any_version<Event>(versions{}, record, use)) return true;
  if constexpr (std::is_same_v<Data, payload>)
    raise_undecodable(record.id, record.type, record.position, error_code::codec_error,
                      "schema version " + std::to_string(stored_schema_version(record)) +
                          " is not known; the newest that is known is " + std::to_string(schema_version<Event>));
  return false;
}

}  // namespace must::detail::coding

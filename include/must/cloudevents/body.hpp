// SPDX-License-Identifier: MIT
// The data of an event as the bytes of a content type, which protocols and binary formats carry, and back.
#pragma once

#include "must/cloudevents/attributes.hpp"
#include "must/codec/codec.hpp"
#include "must/one_of.hpp"
#include "must/record.hpp"
#include "must/text/media_type.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace must::cloudevents::detail {

// Returns the data of an event as a payload: itself, or what the codec of the event makes of it.
inline const payload& payload_of(const payload& data) { return data; }
template <typename... Events>
payload payload_of(const one_of<Events...>& data) {
  static_assert((Encodable<Events> && ...),
                "must: an event has no codec: include must/codec/json.hpp and give the event to_json and from_json");
  payload encoded;
  const auto encode = [&](const auto& event) { encoded = codec<std::remove_cvref_t<decltype(event)>>::encode(event); };
  if (!data.visit(encode)) refuse("data", "holds no event");
  return encoded;
}

// The bytes of an event's data, and their content type. Without bytes the event has no data.
struct body {
  std::string content_type{};
  std::optional<std::string_view> bytes{};
};

// Returns the body that carries the data. Its bytes live as long as the data. A JSON null is the text of it.
inline body body_of(const payload& data) {
  if (data.is_present()) return {data.content_type(), data.bytes()};
  if (data.state() != payload::kind::null) return {data.content_type(), std::nullopt};
  const bool is_json = must::detail::text::is_json_media_type(data.content_type());
  return {is_json ? data.content_type() : "application/json", "null"};
}

// Returns the data that a body carries.
inline payload data_of(body carried) {
  if (!carried.bytes) return payload::absent(std::move(carried.content_type));
  if (carried.bytes == "null" && must::detail::text::is_json_media_type(carried.content_type))
    return payload::null(std::move(carried.content_type));
  return {std::move(carried.content_type), std::string(*carried.bytes)};
}

}  // namespace must::cloudevents::detail

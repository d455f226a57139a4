// SPDX-License-Identifier: MIT
// codec<E>: makes a payload of an event, and an event of a payload.
#pragma once

#include "must/record.hpp"

#include <concepts>

namespace must {

/// A codec turns events of one type into payloads and back. Stores that keep bytes need one for each type.
///
/// must/codec/json.hpp has the codec of every type that nlohmann_json can write and read. For another format, a program
/// specialises the template with `static payload encode(const Event&)` and `static Event decode(const payload&)`.
/// encode throws codec_error when the format cannot hold the event, and decode when the payload is not such an event,
/// or holds a value that the event cannot hold.
template <typename Event>
struct codec;

/// Whether there is a codec for Event.
template <typename Event>
concept Encodable = requires(const Event& event, const payload& data) {
  { codec<Event>::encode(event) } -> std::same_as<payload>;
  { codec<Event>::decode(data) } -> std::same_as<Event>;
};

}  // namespace must

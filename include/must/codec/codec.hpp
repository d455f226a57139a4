// SPDX-License-Identifier: MIT
// codec<E>: how an event becomes a payload and comes back.
#pragma once

#include "must/record.hpp"

#include <concepts>

namespace must {

/// Turns events into payloads and back; needed by stores that keep bytes. must/codec/json.hpp has one for every type
/// that nlohmann_json can write and read; specialise it for a type of your own format:
///
/// `static payload encode(const Event&);` and `static Event decode(const payload&);`, which throws codec_error when
/// the payload is not such an event.
template <typename Event>
struct codec;

/// Whether there is a codec for Event.
template <typename Event>
concept Encodable = requires(const Event& event, const payload& data) {
  { codec<Event>::encode(event) } -> std::same_as<payload>;
  { codec<Event>::decode(data) } -> std::same_as<Event>;
};

}  // namespace must

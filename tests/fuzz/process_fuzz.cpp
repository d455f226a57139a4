// SPDX-License-Identifier: MIT
// Fuzzes the events of process managers: what is decoded comes back, the rest is a codec_error.
#include "fuzz.hpp"

#include "must/model/process_manager/event_codec.hpp"
#include "must/model/process_manager/events.hpp"

using fuzz::expect;

namespace {

template <typename E>
void comes_back(const must::payload& data) {
  try {
    const auto event = must::codec<E>::decode(data);
    const auto encoded = must::codec<E>::encode(event);
    expect(must::codec<E>::decode(encoded) == event, "an event is encoded as another");
    expect(must::codec<E>::encode(must::codec<E>::decode(encoded)) == encoded, "it is encoded in two ways");
  } catch (const must::codec_error& thrown) {
    expect(must::detail::text::is_utf8(thrown.what()), "a refusal is not UTF-8");
    expect(thrown.error().message.size() < 500, "a refusal is too long");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const must::payload payload("application/json", std::string(reinterpret_cast<const char*>(data), size));
  comes_back<must::process_decided>(payload);
  comes_back<must::process_outcome>(payload);
  return 0;
}

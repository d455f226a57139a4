// SPDX-License-Identifier: MIT
// Fuzzes what durable stores keep of an event beside its columns: packed tags, attributes, payloads.
//
// An input is the state of the payload as a digit, then packed bytes.
#include "fuzz.hpp"

#include "must/cloudevents.hpp"
#include "must/storage/kit/row.hpp"

using fuzz::expect;

namespace {

void tags(std::string_view bytes) {
  must::tag_set tags{"kept", "memory"}, again;
  must::kit::unpack_tags(bytes, tags);
  must::kit::unpack_tags(must::kit::pack_tags(tags), again);
  expect(tags == again, "tags are packed as others");
}

void attributes(std::string_view bytes, std::int64_t state) {
  must::cloud_event event, again;
  auto erased = must::kit::unpack_attributes(bytes, event);
  must::kit::unpack_payload(state, "text/plain", bytes, std::move(erased), event.data);
  auto erased_again = must::kit::unpack_attributes(must::kit::pack_attributes(event), again);
  must::kit::unpack_payload(state, "text/plain", bytes, std::move(erased_again), again.data);
  if (event.time && must::kit::is_plain_time(*event.time)) again.time = event.time;  // it has a column
  expect(event == again, "attributes are packed as others");
  event.id = event.source = event.type = "a";
  try {
    static_cast<void>(must::cloudevents::to_json(event));
  } catch (const must::bad_input&) {}
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (bytes.empty()) return 0;
  const auto state = std::int64_t{bytes.front()} - '0';
  bytes.remove_prefix(1);
  try {
    tags(bytes);
  } catch (const must::codec_error&) {}
  try {
    attributes(bytes, state);
  } catch (const must::codec_error&) {}
  return 0;
}

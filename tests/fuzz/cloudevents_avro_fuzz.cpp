// SPDX-License-Identifier: MIT
// Fuzzes CloudEvents in Avro: an event that is read is written, and read again as the same event.
#include "fuzz.hpp"

#include "must/cloudevents.hpp"
#include "must/cloudevents/avro.hpp"

using fuzz::expect;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace ce = must::cloudevents;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  try {
    const auto event = ce::from_avro(bytes);
    const auto written = ce::to_avro(event);
    expect(ce::from_avro(written) == event, "what was written is read as something else");
    expect(ce::to_avro(ce::from_avro(written)) == written, "what is written differs the second time");
    expect(ce::from_json(ce::to_json(event)).data == event.data, "the data is another in JSON");
    expect(event.data.bytes().size() <= 6 * size, "the data is larger than the document can make it");
  } catch (const must::bad_input& thrown) {
    const std::string_view why = thrown.what();
    expect(!thrown.error().field.empty() || why.starts_with("\"\" is not the name"), "a refusal names no field");
    expect(must::detail::text::is_utf8(why), "a refusal is not UTF-8");
    expect(why.size() < 400 + thrown.error().field.str().size(), "a refusal is too long");
  }
  try {
    const auto event = ce::recorded_from_avro(bytes);
    expect(ce::recorded_from_avro(ce::to_avro(event)) == event, "a recorded event is read as something else");
  } catch (const must::bad_input&) {}
  return 0;
}

// SPDX-License-Identifier: MIT
// Fuzzes CloudEvents in JSON: an event that is read is written, and read again as the same event.
#include "fuzz.hpp"

#include "must/cloudevents.hpp"

#include <nlohmann/json.hpp>

using fuzz::expect;

namespace {

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

template <typename Parse, typename Write>
void comes_back(std::string_view text, Parse parse, Write write) {
  try {
    const auto first = parse(text);
    for (const int indent : {-1, 2}) {
      const auto written = write(first, indent);
      expect(parse(written) == first, "what was written is read as something else");
      expect(write(parse(written), indent) == written, "what is written differs the second time");
    }
    const auto line = write(first, -1);
    expect(!contains(line, "\n"), "what is written has more than one line");
  } catch (const must::bad_input& thrown) {
    expect(!thrown.error().field.empty() || contains(thrown.what(), "\"\""), "a refusal names no attribute");
    expect(must::detail::text::is_utf8(thrown.what()), "a refusal is not UTF-8");
    expect(thrown.error().message.size() < 400 + thrown.error().field.str().size(), "a refusal is too long");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace ce = must::cloudevents;
  const std::string_view text(reinterpret_cast<const char*>(data), size);

  const auto flaw = must::detail::text::json_flaw(text);
  const bool has_nul = text.find('\0') != std::string_view::npos;  // where nlohmann_json stops reading
  if (flaw && !has_nul && !contains(*flaw, "twice") && !contains(*flaw, "deeper") && !text.starts_with("\xEF\xBB\xBF"))
    expect(!nlohmann::json::accept(text), "nlohmann_json finds no flaw");
  if (!flaw && text.find_first_of("eE\\") == std::string_view::npos && size < 300)
    expect(nlohmann::json::accept(text), "nlohmann_json finds a flaw");

  comes_back(
      text, [](std::string_view from) { return ce::from_json(from); },
      [](const must::cloud_event& event, int indent) { return ce::to_json(event, indent); });
  comes_back(
      text, [](std::string_view from) { return ce::from_json_batch(from); },
      [](const auto& events, int indent) { return ce::to_json_batch(events, indent); });
  try {
    const auto event = ce::recorded_from_json(text);
    expect(ce::recorded_from_json(ce::to_json(event)) == event, "a recorded event is read as something else");
  } catch (const must::bad_input&) {}
  return 0;
}

// SPDX-License-Identifier: MIT
// Fuzzes the JSON codec: what is decoded is encoded, and decoded again as the same; the rest is a typed error.
//
// nlohmann_json casts a number that is beyond its type, which UndefinedBehaviorSanitizer is told to bear here.
#include "fuzz.hpp"

#include "must/codec/json.hpp"
#include "must/process_command.hpp"

#include <cstdint>
#include <map>
#include <vector>

using fuzz::expect;

namespace {

struct Line {
  std::string name;
  int amount = 0;
  friend bool operator==(const Line&, const Line&) = default;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Line, name, amount)

struct Order {
  std::uint8_t small = 0;
  std::int64_t large = 0;
  double weight = 0;
  bool paid = false;
  Line first{};
  std::vector<Line> lines{};
  std::map<std::string, std::string> notes{};
  friend bool operator==(const Order&, const Order&) = default;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(Order, small, large, weight, paid, first, lines, notes)

template <typename E>
void comes_back(const must::payload& data) {
  try {
    const auto event = must::codec<E>::decode(data);
    const auto encoded = must::codec<E>::encode(event);
    expect(must::codec<E>::decode(encoded) == event, "an event is encoded as another");
    expect(must::codec<E>::encode(must::codec<E>::decode(encoded)) == encoded, "it is encoded in two ways");
  } catch (const must::codec_error& thrown) {
    expect(must::detail::text::is_utf8(thrown.what()) || !must::detail::text::is_utf8(data.bytes()),
           "a refusal is not UTF-8");
  }
}

template <typename C>
void is_parsed(std::string_view text) {
  const auto parsed = must::try_parse<C>(text);
  if (parsed) return;
  expect(parsed.error().code == must::error_code::invalid, "a refusal has another code");
  expect(!parsed.error().message.empty(), "a refusal says nothing");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const must::payload payload("application/json", text);
  comes_back<Line>(payload);
  comes_back<Order>(payload);
  comes_back<std::vector<Line>>(payload);
  comes_back<nlohmann::json>(payload);
  is_parsed<Line>(text);
  is_parsed<Order>(text);
  return 0;
}

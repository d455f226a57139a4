// SPDX-License-Identifier: MIT
// Stored documents that do not fit the events of today: nothing is cut, and the error says where it stands.
#include "must/codec/json.hpp"
#include "must/codec/versions.hpp"

#include "support/catch.hpp"

#include <cstdint>
#include <map>
#include <new>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace stored_numbers_test {

template <typename T>
struct holds {
  T n{};
  static constexpr auto type = "holds";
  friend void to_json(nlohmann::json& document, const holds& from) { document = {{"n", from.n}}; }
  friend void from_json(const nlohmann::json& document, holds& to) { document.at("n").get_to(to.n); }
};

// Throws what its document says.
struct throwing {
  static constexpr auto type = "throwing";
  friend void to_json(nlohmann::json&, const throwing&) { throw std::range_error("not to be written"); }
  friend void from_json(const nlohmann::json& document, throwing&) {
    const auto what = document.value("n", "");
    if (what == "memory") throw std::bad_alloc();
    if (what == "odd") throw 7;
    throw std::runtime_error("line one\nline two \x1b[31m" + std::string(2'000, 'x'));
  }
};

}  // namespace stored_numbers_test

namespace {

using namespace stored_numbers_test;

must::payload json(std::string text) { return {"application/json", std::move(text)}; }

// What decoding says, as a stored event and alone; "" when it fits.
template <typename Event>
must::error why_not(const std::string& number) {
  const auto document = json("{\"n\":" + number + "}");
  bool alone = true;
  try {
    static_cast<void>(must::codec<Event>::decode(document));
  } catch (const must::codec_error&) {
    alone = false;
  }
  must::recorded<must::payload> record{};
  record.id = "id\n7";
  record.type = std::string(Event::type);
  record.data = document;
  record.position = 7;
  try {
    static_cast<void>(must::detail::coding::decode<Event>(record));
    CHECK(alone);
    return {};
  } catch (const must::codec_error& why) {
    CHECK_FALSE(alone);
    CHECK(why.error().position == 7);
    CHECK(why.error().event_id == "id\n7");
    CHECK(why.error().type == Event::type);
    CHECK(std::string(why.what()).find('\n') == std::string::npos);
    CHECK(std::string(why.what()).size() < 1'000);
    return why.error();
  }
}
template <typename T>
bool fits(const std::string& number) {
  return why_not<holds<T>>(number).message.empty();
}

}  // namespace

TEST_CASE("codec: a stored number that does not fit its member is a codec_error", "[json][core]") {
  CHECK_FALSE(fits<int>("3000000000"));
  CHECK_FALSE(fits<int>("1.9"));
  CHECK_FALSE(fits<int>("true"));
  CHECK_FALSE(fits<int>("false"));
  CHECK_FALSE(fits<int>("-2147483649"));
  CHECK_FALSE(fits<int>("1e300"));
  CHECK_FALSE(fits<int>("3e9"));
  CHECK_FALSE(fits<std::int64_t>("-1e19"));
  CHECK_FALSE(fits<std::int64_t>("12345678901.5"));
  CHECK_FALSE(fits<std::uint8_t>("300"));
  CHECK_FALSE(fits<std::uint8_t>("-1"));
  CHECK_FALSE(fits<std::uint8_t>("300.7"));
  CHECK_FALSE(fits<std::int8_t>("128"));
  CHECK_FALSE(fits<std::int16_t>("70000"));
  CHECK_FALSE(fits<unsigned>("-1"));
  CHECK_FALSE(fits<unsigned>("-1.5"));
  CHECK_FALSE(fits<std::uint64_t>("-1"));
  CHECK_FALSE(fits<std::uint64_t>("18446744073709551616"));
  CHECK_FALSE(fits<std::int64_t>("9223372036854775808"));
  CHECK_FALSE(fits<float>("1e300"));
  CHECK_FALSE(fits<float>("true"));
  CHECK_FALSE(fits<float>("16777217"));
  CHECK_FALSE(fits<double>("9007199254740993"));
  CHECK_FALSE(fits<std::vector<int>>("[1,2,3000000000]"));
  CHECK_FALSE(fits<std::map<std::string, std::uint8_t>>(R"({"a":1,"b":256})"));
  CHECK_FALSE(fits<holds<int>>(R"({"n":1.5})"));
  CHECK(why_not<holds<holds<int>>>(R"({"n":1.5})").field == "n.n");
  CHECK(why_not<holds<std::uint8_t>>("300").field == "n");
}

TEST_CASE("codec: a stored number that fits its member is read as it is", "[json][core]") {
  CHECK(fits<int>("2147483647"));
  CHECK(fits<int>("-2147483648"));
  CHECK(fits<int>("3.0"));
  CHECK(fits<std::uint8_t>("255"));
  CHECK(fits<std::int8_t>("-128"));
  CHECK(fits<std::uint64_t>("18446744073709551615"));
  CHECK(fits<std::int64_t>("-9223372036854775808"));
  CHECK(fits<bool>("true"));
  CHECK(fits<double>("0.1"));
  CHECK(fits<double>("1e300"));
  CHECK(fits<double>("12345678901.5"));
  CHECK(fits<std::int64_t>("3e9"));
  CHECK(fits<std::vector<double>>("[1e19,-1e19,3e9]"));
  CHECK(fits<double>("-0"));
  CHECK_FALSE(fits<double>("18446744073709551615"));
  CHECK(fits<double>("9007199254740992"));
  CHECK(fits<double>("-9007199254740992"));
  CHECK(fits<float>("0.1"));
  CHECK(fits<float>("3"));
  CHECK(fits<std::set<int>>("[257,1]"));
}

TEST_CASE("codec: what a from_json or to_json throws of its own is a codec_error that says where", "[json][core]") {
  const auto why = why_not<throwing>("\"text\"");
  CHECK(why.message.find("line one\\x0aline two \\x1b[31m") != std::string::npos);
  CHECK_FALSE(why_not<throwing>("\"odd\"").message.empty());
  CHECK_THROWS_AS(must::codec<throwing>::encode({}), must::codec_error);
  CHECK_THROWS_AS(must::codec<throwing>::decode(json("{\"n\":\"memory\"}")), std::bad_alloc);
}

TEST_CASE("codec: a number of a million digits makes no message of a million bytes", "[json][core]") {
  const auto why = why_not<holds<int>>(std::string(1'000'000, '9'));
  CHECK_FALSE(why.message.empty());
  const auto parsed = must::try_parse<holds<int>>("{\"n\":" + std::string(1'000'000, '9') + "}");
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().message.size() < 1'000);
}

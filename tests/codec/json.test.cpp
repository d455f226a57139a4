// SPDX-License-Identifier: MIT
// The JSON codec, and commands parsed from documents.
#include "must/codec/json.hpp"

#include "support/catch.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace codec_json_test {

struct activated {
  static constexpr auto type = "activated";
  int user_id = 0;
  std::string name{};
  friend bool operator==(const activated&, const activated&) = default;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(activated, user_id, name)
};

struct defaulted {
  int zed = 1;
  int a = 2;
  std::string b = "b";
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(defaulted, zed, a, b)
};

struct nested {
  static constexpr auto type = "nested";
  activated who{};
  std::vector<int> numbers{};
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(nested, who, numbers)
};

struct widths {
  std::uint8_t byte = 0;
  std::int32_t number = 0;
  std::uint64_t large = 0;
  float real = 0;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(widths, byte, number, large, real)
};

struct measured {
  static constexpr auto type = "measured";
  double value = 0;
  std::vector<double> more{};
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(measured, value, more)
};

// Neither default-constructible nor convertible in any other way than adl_serializer.
class sealed {
 public:
  explicit sealed(int n) : n_(n) { must::ensure(n > 0, "n must be positive"); }
  [[nodiscard]] int n() const { return n_; }

 private:
  int n_;
};

// Writes itself as null when it holds nothing.
struct nullable {
  bool set = false;
  friend void to_json(nlohmann::json& document, const nullable& value) {
    document = value.set ? nlohmann::json(1) : nlohmann::json(nullptr);
  }
  friend void from_json(const nlohmann::json& document, nullable& value) { value.set = !document.is_null(); }
};

// Takes any document at all.
struct careless {
  friend void to_json(nlohmann::json& document, const careless&) { document = nlohmann::json::object(); }
  friend void from_json(const nlohmann::json&, careless&) {}
};

struct only_read {
  int n = 0;
  friend void from_json(const nlohmann::json& document, only_read& value) { document.at("n").get_to(value.n); }
};

struct bytes {
  static constexpr auto type = "bytes";
  friend void to_json(nlohmann::json& document, const bytes&) { document = {{"raw", nlohmann::json::binary({1, 2})}}; }
  friend void from_json(const nlohmann::json&, bytes&) {}
};

// Throws something of its own, and something else when a member is missing.
struct picky {
  friend void to_json(nlohmann::json&, const picky&) {}
  friend void from_json(const nlohmann::json& document, picky&) {
    if (!document.contains("a")) throw std::runtime_error("a is missing");
    if (document["a"] == 1) throw std::domain_error("a is 1");
    static_cast<void>(document["a"].get<std::string>());
  }
};

// Cannot be written: what its to_json throws is nlohmann_json's.
struct unwritable {
  static constexpr auto type = "unwritable";
  friend void to_json(nlohmann::json&, const unwritable&) { static_cast<void>(nlohmann::json("text").get<int>()); }
  friend void from_json(const nlohmann::json&, unwritable&) {}
};

struct no_json {};

}  // namespace codec_json_test

namespace {

using namespace codec_json_test;

template <typename Command>
must::error why_not(std::string_view text) {
  auto command = must::try_parse<Command>(text);
  REQUIRE_FALSE(command);
  CHECK(command.error().code == must::error_code::invalid);
  CHECK(command.error().rule == "parse");
  CHECK_THROWS_AS(must::parse<Command>(text), must::invalid);
  return command.error();
}

template <typename Event>
must::error undecodable(const must::payload& data) {
  try {
    static_cast<void>(must::codec<Event>::decode(data));
  } catch (const must::codec_error& thrown) {
    CHECK(thrown.error().code == must::error_code::codec_error);
    CHECK(thrown.what() == thrown.error().message);
    return thrown.error();
  }
  FAIL("it was decoded");
  return {};
}

template <typename Event>
must::error unencodable(const Event& event) {
  try {
    static_cast<void>(must::codec<Event>::encode(event));
  } catch (const must::codec_error& thrown) {
    return thrown.error();
  }
  FAIL("it was encoded");
  return {};
}

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

must::payload json(std::string text) { return {"application/json", std::move(text)}; }

}  // namespace

template <>
struct nlohmann::adl_serializer<codec_json_test::sealed> {
  static codec_json_test::sealed from_json(const json& document) {
    return codec_json_test::sealed(document.at("n").get<int>());
  }
  static void to_json(json& document, const codec_json_test::sealed& value) { document = {{"n", value.n()}}; }
};

static_assert(must::Encodable<activated> && must::Encodable<sealed> && must::Encodable<nullable>);
static_assert(must::Encodable<nlohmann::json> && must::Encodable<std::map<std::string, int>>);
static_assert(!must::Encodable<no_json> && !must::Encodable<only_read>);

TEST_CASE("codec json: an event becomes application/json and comes back", "[json][core]") {
  const activated event{7, "Zo\u00eb \"\n"};
  const auto data = must::codec<activated>::encode(event);
  CHECK(data.content_type() == "application/json");
  CHECK(data.bytes() == "{\"name\":\"Zo\u00eb \\\"\\n\",\"user_id\":7}");
  CHECK(must::codec<activated>::decode(data) == event);

  CHECK(must::codec<sealed>::decode(must::codec<sealed>::encode(sealed(3))).n() == 3);
  const nlohmann::json document = {{"a", {1, nullptr, 2.5}}};
  CHECK(must::codec<nlohmann::json>::decode(must::codec<nlohmann::json>::encode(document)) == document);
}

TEST_CASE("codec json: every media type of JSON is decoded, no other is", "[json][core]") {
  for (const char* type : {"application/json", "APPLICATION/JSON", "text/json; charset=utf-8", "application/vnd.x+json",
                           "application/cloudevents+JSON;a=b"}) {
    INFO(type);
    CHECK(must::codec<activated>::decode({type, R"({"user_id":1,"name":"n"})"}).user_id == 1);
  }
  for (const char* type :
       {"", "text/plain", "application/jsonx", "application/xjson", "json", "application/json-seq", "/json"}) {
    INFO(type);
    const auto why = undecodable<activated>({type, R"({"user_id":1,"name":"n"})"});
    CHECK(why.field == "datacontenttype");
    CHECK(contains(why.message, "not a media type of JSON"));
  }
}

TEST_CASE("codec json: a payload without data that fits is a codec_error", "[json][core]") {
  CHECK(contains(undecodable<activated>(must::payload::absent("application/json")).message, "has no data"));
  CHECK(contains(undecodable<activated>(must::payload()).message, "has no data"));
  CHECK(contains(undecodable<activated>(must::payload::null("application/json")).message, "null"));
  CHECK(contains(undecodable<careless>(must::payload::null("application/json")).message, "null"));
  CHECK(contains(undecodable<careless>(json("null")).message, "null"));
  CHECK(contains(undecodable<activated>(must::payload::erased({"gdpr", {}}, "application/json")).message, "erased"));
  for (const char* text :
       {"", "{", "{\"user_id\":1,\"name\":\"n\"} x", "\xff", "{\"user_id\":1,\"user_id\":2,\"name\":\"n\"}", "1e400"}) {
    INFO(text);
    CHECK_FALSE(undecodable<activated>(json(text)).message.empty());
  }
  CHECK(undecodable<activated>(json(R"({"user_id":"1","name":"n"})")).field == "user_id");
  CHECK(undecodable<activated>(json(R"({"user_id":1})")).field == "name");
}

TEST_CASE("codec json: null is a null payload for a type that has a null", "[json][core]") {
  const auto data = must::codec<nullable>::encode({});
  CHECK(data.state() == must::payload::kind::null);
  CHECK(data.content_type() == "application/json");
  CHECK_FALSE(must::codec<nullable>::decode(data).set);
  CHECK(must::codec<nullable>::decode(must::codec<nullable>::encode({true})).set);
}

TEST_CASE("codec json: what JSON cannot hold is not encoded", "[json][core]") {
  CHECK(unencodable(activated{1, "\xff"}).field == "name");
  CHECK(contains(unencodable(activated{1, "\xed\xa0\x80"}).message, "not valid UTF-8"));
  CHECK(unencodable(nested{{1, "\xc0\xaf"}, {}}).field == "who.name");
  CHECK(unencodable(std::map<std::string, int>{{"\xff", 1}}).code == must::error_code::codec_error);
  const auto infinity = std::numeric_limits<double>::infinity();
  for (const double value : {infinity, -infinity, std::numeric_limits<double>::quiet_NaN()}) {
    CHECK(unencodable(measured{value, {}}).field == "value");
    CHECK(unencodable(measured{1, {1, value}}).field == "more.1");
  }
  CHECK(contains(unencodable(bytes{}).message, "\"raw\" is bytes"));
  CHECK(contains(unencodable(unwritable{}).message, "cannot be written as JSON: type must be number"));
  CHECK_NOTHROW(must::codec<unwritable>::decode(json("{}")));
  CHECK(must::try_parse<unwritable>("{}"));
}

TEST_CASE("codec json: a text nested too deep is refused without a crash", "[json][core]") {
  CHECK(contains(undecodable<nlohmann::json>(json(std::string(100'000, '['))).message, "deeper than"));
  CHECK(
      contains(why_not<nlohmann::json>(std::string(100'000, '[') + std::string(100'000, ']')).message, "deeper than"));
  std::string deepest(512, '[');
  deepest += std::string(512, ']');
  const auto document = must::codec<nlohmann::json>::decode(json(deepest));
  CHECK(document.dump() == deepest);
  CHECK(must::codec<nlohmann::json>::encode(document).bytes() == deepest);
  CHECK(contains(unencodable(nlohmann::json::array({document})).message, "nests deeper than"));
}

// Arrays in arrays, or objects in objects.
nlohmann::json nested_document(std::size_t levels, bool in_objects) {
  nlohmann::json inner = in_objects ? nlohmann::json::object() : nlohmann::json::array();
  for (std::size_t at = 1; at < levels; ++at) {
    nlohmann::json outer = in_objects ? nlohmann::json::object() : nlohmann::json::array();
    if (in_objects)
      outer["a"] = std::move(inner);
    else
      outer.push_back(std::move(inner));
    inner = std::move(outer);
  }
  return inner;
}

TEST_CASE("parse: a document nested too deep is refused as its text is, without a crash", "[json][core]") {
  const auto check = [](const auto& command, const nlohmann::json& document) {
    using command_type = std::remove_cvref_t<decltype(command)>;
    const auto read = must::try_parse<command_type>(document);
    REQUIRE_FALSE(read);
    CHECK(read.error().code == must::error_code::invalid);
    CHECK(read.error().rule == "parse");
    CHECK(read.error().message == "it nests deeper than 512 levels");
    CHECK_THROWS_AS(must::parse<command_type>(document), must::invalid);
  };
  for (const bool in_objects : {false, true})
    for (const std::size_t levels : {513U, 300'000U}) {
      auto document = nested_document(levels, in_objects);
      check(careless{}, document);
      check(picky{}, document);
      check(nlohmann::json(), document);
      CHECK(contains(unencodable(document).message, "nests deeper than 512 levels"));
      auto command = nlohmann::json::object();
      command["n"] = 1;
      command["user_id"] = 1;
      command["name"] = "n";
      command["not read"] = std::move(document);
      check(only_read{}, command);
      check(activated{}, command);
    }
}

TEST_CASE("parse: a document of 512 levels is read", "[json][core]") {
  for (const bool in_objects : {false, true}) {
    auto command = nlohmann::json::object();
    command["n"] = 3;
    command["not read"] = nested_document(511, in_objects);
    CHECK(must::parse<only_read>(command).n == 3);
    CHECK(must::parse<only_read>(command.dump()).n == 3);
    command["more"] = nested_document(512, in_objects);
    CHECK_FALSE(must::try_parse<only_read>(command));
    CHECK_FALSE(must::try_parse<only_read>(command.dump()));
  }
}

TEST_CASE("parse: a command is read from a document and from its text", "[json][core]") {
  CHECK(must::parse<activated>(R"({"user_id":1,"name":"n","more":[]})") == activated{1, "n"});
  CHECK(must::parse<activated>(nlohmann::json{{"user_id", 1}, {"name", "n"}}) == activated{1, "n"});
  CHECK(must::parse<activated>(std::string(R"( {"user_id":1,"name":"n"} )")) == activated{1, "n"});
  CHECK(must::parse<only_read>(R"({"n":5})").n == 5);
  CHECK(must::parse<sealed>(R"({"n":5})").n() == 5);
  CHECK(must::parse<defaulted>("{}").zed == 1);
  CHECK(must::try_parse<activated>(nlohmann::json{{"user_id", 1}, {"name", "n"}}).has_value());
}

TEST_CASE("parse: a document that does not fit tells the member and the reason", "[json][core]") {
  const struct {
    const char* text;
    const char* field;
    const char* part;
  } cases[] = {
      {R"({"user_id":"1","name":"n"})", "user_id", "type must be number, but is string"},
      {R"({"name":7,"user_id":1})", "name", "type must be string, but is number"},
      {R"({"a":1,"b":2,"name":null,"user_id":1,"z":3})", "name", "type must be string, but is null"},
      {R"({"user_id":1})", "name", "\"name\" is missing"},
      {R"({})", "user_id", "\"user_id\" is missing"},
      {"[1]", "", "array"},
      {"null", "", "null"},
      {"7", "", "number"},
      {"", "", "not JSON"},
      {"{'user_id':1}", "", "not JSON"},
      {R"({"user_id":1,"user_id":2,"name":"n"})", "", "\"user_id\" twice"},
      {R"({"user_id":1,"user\u005fid":2,"name":"n"})", "", "\"user_id\" twice"},
      {"{\"user_id\":1,\"name\":\"\xff\"}", "", "UTF-8"},
      {R"({"user_id":1e400,"name":"n"})", "", "1e400"},
      {R"({"user_id":1.5,"name":"n"})", "user_id", "1.5 does not fit"},
      {R"({"user_id":3000000000,"name":"n"})", "user_id", "3000000000 does not fit"},
      {R"({"user_id":true,"name":"n"})", "user_id", "true does not fit"},
  };
  for (const auto& [text, field, part] : cases) {
    INFO(text);
    const auto why = why_not<activated>(text);
    CHECK(why.field == field);
    INFO(why.message);
    CHECK(contains(why.message, part));
  }
}

TEST_CASE("parse: the member is told of defaults, nested types and refusals too", "[json][core]") {
  CHECK(why_not<defaulted>(R"({"a":1,"b":"x","zed":"1"})").field == "zed");
  CHECK(why_not<defaulted>(R"({"a":1,"b":3,"zed":1})").field == "b");
  CHECK(why_not<nested>(R"({"who":{"user_id":1},"numbers":[]})").field == "who");
  CHECK(why_not<nested>(R"({"who":{"user_id":1,"name":"n"},"numbers":[1,"2"]})").field == "numbers");
  CHECK(why_not<nested>(R"({"who":{"user_id":1.5,"name":"n"},"numbers":[]})").field == "who.user_id");
  CHECK(why_not<nested>(R"({"who":{"user_id":1,"name":"n"},"numbers":[1,2.5]})").field == "numbers.1");
  CHECK(contains(why_not<sealed>(R"({"n":-5})").message, "n must be positive"));
  CHECK(why_not<sealed>(R"({"n":-5})").field == "n");
}

TEST_CASE("parse: what a from_json throws of its own passes through", "[json][core]") {
  CHECK_THROWS_AS(must::try_parse<picky>("{\"a\":1}"), std::domain_error);
  CHECK_THROWS_AS(must::try_parse<picky>("{}"), std::runtime_error);
  CHECK_THROWS_AS(must::codec<picky>::decode(json("{}")), must::codec_error);
  CHECK(contains(why_not<picky>("{\"a\":2}").message, "type must be string, but is number"));
}

TEST_CASE("parse: no number is changed to fit", "[json][core]") {
  const auto with = [](const char* byte, const char* number, const char* large, const char* real) {
    return std::string("{\"byte\":") + byte + ",\"number\":" + number + ",\"large\":" + large + ",\"real\":" + real +
           "}";
  };
  CHECK(must::parse<widths>(with("255", "-2147483648", "18446744073709551615", "0.1")).large ==
        18446744073709551615ULL);
  CHECK(must::parse<widths>(with("1.0", "-0", "0", "3")).byte == 1);
  CHECK(why_not<widths>(with("256", "1", "1", "1")).field == "byte");
  CHECK(why_not<widths>(with("-1", "1", "1", "1")).field == "byte");
  CHECK(why_not<widths>(with("1", "2147483648", "1", "1")).field == "number");
  CHECK(why_not<widths>(with("1", "1", "-1", "1")).field == "large");
  CHECK(why_not<widths>(with("1", "1", "1.25", "1")).field == "large");
}

// SPDX-License-Identifier: MIT
// CloudEvents 1.0.2 in Avro: what is written, what is read, what is refused and where, and that events come back.
#include "must/cloudevents/avro.hpp"

#include "must/avro/encode.hpp"
#include "must/cloudevents.hpp"
#include "must/codec/json.hpp"

#include "support/catch.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace ce = must::cloudevents;
using namespace std::string_literals;

namespace cloudevents_avro_test {

struct activated {
  static constexpr auto type = "activated";
  int user_id = 0;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(activated, user_id)
};

}  // namespace cloudevents_avro_test

namespace {

std::string number(std::int64_t value) {
  std::string out;
  must::detail::avro::append_long(out, value);
  return out;
}
std::string text(std::string_view value) { return number(static_cast<std::int64_t>(value.size())).append(value); }
std::string real(double value) {
  char bytes[8];
  std::memcpy(bytes, &value, 8);  // on a machine that keeps the lowest byte first
  return {bytes, 8};
}

// An entry of a map: the name, the branch of the union, and the value.
std::string entry(std::string_view name, int branch, std::string_view value = {}) {
  return text(name) + number(branch).append(value);
}
std::string attribute(std::string_view name, std::string_view value) { return entry(name, 3, text(value)); }
std::string map_of(const std::vector<std::string>& entries) {
  std::string all;
  for (const auto& one : entries) all += one;
  std::string out;
  must::detail::avro::append_items(out, entries.size(), all);
  return out;
}

const std::string no_data = number(1);
std::vector<std::string> required() {
  return {attribute("specversion", "1.0"), attribute("id", "1"), attribute("source", "/s"), attribute("type", "t")};
}
// A document with the required attributes and more.
std::string with(const std::vector<std::string>& more, const std::string& data = no_data) {
  auto entries = required();
  entries.insert(entries.end(), more.begin(), more.end());
  return map_of(entries) + data;
}
// The payload of an event whose field `data` is the branch and the value.
must::payload data_of(int branch, const std::string& value, const std::string& content_type = {}) {
  std::vector<std::string> more;
  if (!content_type.empty()) more.push_back(attribute("datacontenttype", content_type));
  return ce::from_avro(with(more, number(branch) + value)).data;
}

must::cloud_event event_with(must::payload data = {}) {
  must::cloud_event event;
  event.id = "1";
  event.source = "/s";
  event.type = "t";
  event.data = std::move(data);
  return event;
}
must::cloud_event full(must::payload data = {}) {
  auto event = event_with(std::move(data));
  event.subject = "order \"7\" \xE2\x82\xAC";
  event.dataschema = "https://example.com/schema";
  event.time = *must::timestamp::parse("2018-04-05T17:31:00.123+02:00");
  event.tags = {"a,b", "c\"d"};
  event.extensions = {{"flag", true},
                      {"off", false},
                      {"n", -7},
                      {"least", std::numeric_limits<std::int32_t>::min()},
                      {"bytes", must::binary{"\0\xff"s}},
                      {"address", must::uri{"urn:x"}},
                      {"ref", must::uri_reference{"../x"}},
                      {"when", *must::timestamp::parse("2020-01-01T00:00:00.5Z")},
                      {"empty", ""},
                      {"text", "t\xC3\xA9"}};
  return event;
}
const ce::declared_types types{{"address", ce::attribute_type::uri},
                               {"ref", ce::attribute_type::uri_reference},
                               {"when", ce::attribute_type::timestamp}};

must::error why_unread(std::string_view bytes) {
  const auto event = ce::try_from_avro(bytes);
  REQUIRE_FALSE(event);
  CHECK(event.error().code == must::error_code::bad_input);
  CHECK_THROWS_AS(ce::from_avro(bytes), must::bad_input);
  return event.error();
}
void check_refused(std::string_view bytes, std::string_view field, std::string_view message) {
  const auto why = why_unread(bytes);
  CHECK(why.field == field);
  CHECK(why.message == message);
}
std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t at = 0; at < hex.size(); at += 2)
    bytes += static_cast<char>(static_cast<unsigned char>(std::stoi(std::string(hex.substr(at, 2)), nullptr, 16)));
  return bytes;
}

// The bytes that another library writes for {specversion: "1.0", id: "1", n: -5} with the data {"a":1}, and for {id:
// "1"} without data.
const auto golden = from_hex("06167370656376657273696f6e0606312e30046964060231026e040900000e7b2261223a317d");
const auto golden_without_data = from_hex("020469640602310002");

}  // namespace

TEST_CASE("cloudevents avro: an event has the bytes that another library writes for it", "[cloudevents][core]") {
  auto event = event_with({"", R"({"a":1})"});
  event.extensions = {{"n", -5}};
  const auto entries = golden.substr(1, golden.size() - 1 - from_hex("00000e7b2261223a317d").size());
  const auto n = entries.size() - entry("n", 2, number(-5)).size();
  const auto written = number(5) + entries.substr(0, n) + attribute("source", "/s") + attribute("type", "t") +
                       entries.substr(n) + from_hex("00000e7b2261223a317d");
  CHECK(ce::to_avro(event) == written);
  CHECK(ce::from_avro(written) == event);
  // The two documents have no source and no type, and nothing else is wrong with them.
  CHECK(why_unread(golden).message == "source is missing");
  CHECK(why_unread(golden_without_data).message == "specversion is missing");
  CHECK(ce::to_avro(event_with()) == with({}));
}

TEST_CASE("cloudevents avro: every event comes back, with its data as it is", "[cloudevents][core]") {
  for (const auto& data : {must::payload("application/json", "{ \"a\": 1 }"), must::payload("text/plain", ""),
                           must::payload("", "\xff\0"s), must::payload::absent(), must::payload::absent("text/plain"),
                           must::payload::null("application/json"),
                           must::payload::erased({"asked", *must::timestamp::parse("2021-01-01T00:00:00Z")}, "a/b"),
                           must::payload("text/plain", "null"), must::payload("a/b", std::string(100000, 'x'))}) {
    CHECK((ce::from_avro(ce::to_avro(full(data)), types) == full(data)));
    CHECK((ce::from_avro(ce::to_avro(event_with(data))) == event_with(data)));
  }
  CHECK(ce::from_avro(ce::to_avro(event_with(must::payload::null()))).data == must::payload::null("application/json"));
}

TEST_CASE("cloudevents avro: the type of an extension is the branch of the union", "[cloudevents][core]") {
  auto event = event_with();
  const auto entry_of = [&](must::attribute_value value) {
    event.extensions = {{"x", std::move(value)}};
    const auto written = ce::to_avro(event), plain = with({});
    return written.substr(plain.size() - 2, written.size() - plain.size());
  };
  CHECK(entry_of(true) == entry("x", 1, "\1"));
  CHECK(entry_of(false) == entry("x", 1, "\0"s));
  CHECK(entry_of(-5) == entry("x", 2, number(-5)));
  CHECK(entry_of("text") == attribute("x", "text"));
  CHECK(entry_of(must::binary{"\xff"}) == entry("x", 4, text("\xff")));
  CHECK(entry_of(must::uri{"urn:x"}) == attribute("x", "urn:x"));
  CHECK(entry_of(must::uri_reference{"../x"}) == attribute("x", "../x"));
  CHECK(entry_of(*must::timestamp::parse("2020-01-01T00:00:00.5Z")) == attribute("x", "2020-01-01T00:00:00.5Z"));
}

TEST_CASE("cloudevents avro: a recorded event comes back with its place, and a struct is encoded by its codec",
          "[cloudevents][core]") {
  must::recorded<must::payload> event{full({"text/plain", "x"}), 7, must::version(3),
                                      *must::timestamp::parse("2024-01-01T00:00:00Z")};
  event.extensions.emplace("sequence", "5");
  CHECK((ce::recorded_from_avro(ce::to_avro(event), types) == event));
  CHECK_THROWS_AS(ce::recorded_from_avro(ce::to_avro(event_with())), must::bad_input);

  must::basic_event<must::one_of<cloudevents_avro_test::activated>> typed;
  typed.id = "1";
  typed.source = "/s";
  typed.type = "activated";
  typed.data = cloudevents_avro_test::activated{7};
  CHECK(ce::from_avro(ce::to_avro(typed)).data == must::payload("application/json", R"({"user_id":7})"));
}

TEST_CASE("cloudevents avro: entries come in any order, in any blocks, and null is an attribute that is not there",
          "[cloudevents][core]") {
  const auto data = number(0) + text("x");
  auto event = event_with({"a/b", "x"});
  event.extensions = {{"n", 1}};
  const std::vector<std::string> entries = {attribute("type", "t"),
                                            entry("n", 2, number(1)),
                                            attribute("id", "1"),
                                            entry("subject", 0),
                                            attribute("source", "/s"),
                                            entry("gone", 0),
                                            attribute("datacontenttype", "a/b"),
                                            attribute("specversion", "1.0")};
  CHECK(ce::from_avro(map_of(entries) + data) == event);
  std::string one_by_one, sized, all;
  for (const auto& one : entries) {
    all += one;
    one_by_one += number(1) + one;
    sized += number(-1) + number(static_cast<std::int64_t>(one.size())) + one;
  }
  CHECK(ce::from_avro(one_by_one + number(0) + data) == event);
  CHECK(ce::from_avro(sized + number(0) + data) == event);
  CHECK(ce::from_avro(number(-8) + text(all) + number(0) + data) == event);
}

TEST_CASE("cloudevents avro: data of any branch is read as the JSON format reads the same value",
          "[cloudevents][core]") {
  CHECK(data_of(0, text(R"({"a": 1})"), "application/json") == must::payload("application/json", R"({"a": 1})"));
  CHECK(data_of(0, text("\xff")) == must::payload("", "\xff"));
  CHECK(data_of(1, "") == must::payload::absent());
  CHECK(data_of(1, "", "a/b") == must::payload::absent("a/b"));
  CHECK(data_of(2, "\1") == must::payload("application/json", "true"));
  CHECK(data_of(2, "\0"s, "text/json") == must::payload("text/json", "false"));
  CHECK(data_of(5, real(-1.5)) == must::payload("application/json", "-1.5"));
  CHECK(data_of(5, real(7)) == must::payload("application/json", "7"));
  CHECK(data_of(6, text("a\n\"b\"")) == must::payload("application/json", R"("a\n\"b\"")"));
  CHECK(data_of(6, text("a\n"), "text/plain") == must::payload("text/plain", "a\n"));

  const auto record = [](const std::vector<std::string>& entries) { return map_of(entries); };
  const auto members = map_of({entry("null", 0), entry("yes", 1, "\1"), entry("one", 3, real(1)),
                               entry("text", 4, text("t")), entry("empty", 2, record({})),
                               entry("record", 2,
                                     record({entry("null", 0), entry("no", 1, "\0"s),
                                             entry("map", 2, map_of({text("k") + record({entry("x", 5, text("y"))})})),
                                             entry("array", 3, map_of({record({}), record({entry("n", 4, real(2))})})),
                                             entry("half", 4, real(0.5)), entry("text", 5, text(""))}))});
  CHECK(data_of(3, members) ==
        must::payload("application/json",
                      R"({"null":null,"yes":true,"one":1,"text":"t","empty":{},"record":{"null":null,"no":false,)"
                      R"("map":{"k":{"x":"y"}},"array":[{},{"n":2}],"half":0.5,"text":""}})"));
  CHECK(data_of(3, map_of({})) == must::payload("application/json", "{}"));
  CHECK(data_of(4, map_of({})) == must::payload("application/json", "[]"));
  CHECK(data_of(4, number(-2) + text(record({}) + record({entry("n", 0)})) + number(0)) ==
        must::payload("application/json", R"([{},{"n":null}])"));
}

TEST_CASE("cloudevents avro: data that is no value of its content type, or of JSON, is refused",
          "[cloudevents][core]") {
  const auto at = with({}).size() - 1;
  const auto check = [&](int branch, const std::string& value, const std::string& what, std::size_t offset) {
    check_refused(with({}, number(branch) + value), "data", "data " + what + " at byte " + std::to_string(at + offset));
  };
  check(5, real(std::numeric_limits<double>::infinity()), "has a number that is not finite, which JSON cannot hold,",
        1);
  check(5, real(std::numeric_limits<double>::quiet_NaN()), "has a number that is not finite, which JSON cannot hold,",
        1);
  check(7, "", "has the branch 7 of a union of 7", 0);
  check(3, map_of({entry("a", 0), entry("a", 0)}), "has the name \"a\" twice in one map", 5);
  check(3, map_of({entry("a", 5)}), "has the branch 5 of a union of 5", 4);
  check(6, text("\xff"), "has a string that is not valid UTF-8", 1);
  check_refused(with({attribute("datacontenttype", "text/plain")}, number(2) + "\1"), "data",
                "data is true, which is not a string at byte " +
                    std::to_string(with({attribute("datacontenttype", "text/plain")}).size() - 1));
}

TEST_CASE("cloudevents avro: a JSON value nests as deep as the limit, and not deeper", "[cloudevents][core]") {
  // Each round adds two levels: a map of records, and the record's map.
  const auto nested = [](int rounds) {
    std::string value = map_of({});
    for (int i = 0; i < rounds; ++i) value = map_of({entry("m", 2, map_of({text("k") + value}))});
    return number(4) + map_of({value});
  };
  const auto deepest = ce::from_avro(with({}, nested(31)));
  CHECK(ce::from_json(ce::to_json(deepest)) == deepest);
  CHECK(why_unread(with({}, nested(32))).message.find("data nests deeper than 64 levels at byte ") == 0);
  std::string endless = with({}, number(4));
  for (int i = 0; i < 200000; ++i) endless += number(1) + entry("", 3);
  CHECK(why_unread(endless).message.find("data nests deeper than 64 levels at byte ") == 0);
}

TEST_CASE("cloudevents avro: an attribute that is wrong is named, with the byte at which it stands",
          "[cloudevents][core]") {
  const auto at = std::to_string(map_of(required()).size() - 1);
  const auto value_at = [&](std::string_view name) { return std::to_string(std::stoul(at) + text(name).size()); };
  check_refused(with({entry("subject", 1, "\1")}), "subject", "subject is not a string at byte " + value_at("subject"));
  check_refused(with({attribute("subject", "")}), "subject", "subject is empty at byte " + value_at("subject"));
  check_refused(
      with({attribute("time", "noon")}), "time",
      ce::try_from_json(R"({"specversion":"1.0","id":"1","source":"/s","type":"t","time":"noon"})").error().message +
          " at byte " + value_at("time"));
  check_refused(with({attribute("dataschema", "x")}), "dataschema",
                "dataschema \"x\" is not an absolute URI at byte " + value_at("dataschema"));
  check_refused(with({attribute("x", "a\nb")}), "x",
                "x \"a\\x0ab\" holds a control character or a noncharacter at byte " + value_at("x"));
  check_refused(with({attribute("x", "\xff")}), "x",
                "x has a string that is not valid UTF-8 at byte " + std::to_string(std::stoul(value_at("x")) + 1));
  check_refused(with({attribute("data", "x")}), "data",
                "data is an attribute; it is a field of its own at byte " + value_at("data"));
  check_refused(with({attribute("id", "2")}), "id", "id stands twice at byte " + value_at("id"));
  check_refused(with({entry("id", 0)}), "id", "id stands twice at byte " + value_at("id"));
  check_refused(
      with({attribute("Bad", "x")}), "Bad",
      "\"Bad\" is not the name of an attribute: names have letters a to z and digits only at byte " + value_at("Bad"));
  check_refused(with({entry("x", 5)}), "x", "x has the branch 5 of a union of 5 at byte " + value_at("x"));
  check_refused(
      with({entry("x", 2, number(std::int64_t{1} << 31))}), "x",
      "x is 2147483648, which is not an integer of 32 bits, at byte " + std::to_string(std::stoul(value_at("x")) + 1));
  check_refused(map_of({attribute("specversion", "0.3")}) + no_data, "specversion",
                "specversion is \"0.3\"; only \"1.0\" is read at byte 13");
  CHECK(why_unread(with({attribute("musttags", "[1]")})).field == "musttags");
  CHECK_THROWS_AS(ce::from_avro(with({attribute("when", "noon")}), types), must::bad_input);
}

TEST_CASE("cloudevents avro: an event that CloudEvents does not allow is not written", "[cloudevents][core]") {
  const auto why = [](auto&& change) {
    auto event = event_with();
    change(event);
    try {
      static_cast<void>(ce::to_avro(event));
    } catch (const must::bad_input& thrown) {
      return thrown.error().field.str();
    }
    return "(written)"s;
  };
  CHECK(why([](auto& event) { event.id.clear(); }) == "id");
  CHECK(why([](auto& event) { event.source = "a b"; }) == "source");
  CHECK(why([](auto& event) { event.subject = "\xff"; }) == "subject");
  CHECK(why([](auto& event) { event.extensions = {{"Bad", true}}; }) == "Bad");
  CHECK(why([](auto& event) { event.extensions = {{"x", "a\nb"}}; }) == "x");
  CHECK(why([](auto& event) { event.extensions = {{"data", "x"}}; }) == "data");
  CHECK(why([](auto& event) { event.data = must::payload("text", ""); }) == "datacontenttype");
}

TEST_CASE("cloudevents avro: hostile sizes and counts are refused at the byte where they stand",
          "[cloudevents][core]") {
  const auto huge = number(std::int64_t{1} << 40);
  check_refused("", "document", "document ends too early at byte 0");
  check_refused(huge, "document", "document has a block of 1099511627776 in 0 bytes at byte 0");
  check_refused(number(std::numeric_limits<std::int64_t>::min()) + number(0), "document",
                "document has a block of 9223372036854775808 in 0 bytes at byte 0");
  check_refused(std::string(20, '\xff'), "document", "document has a number of more than 64 bits at byte 0");
  check_refused(number(1) + huge + "a", "document", "document has 1099511627776 bytes, and 1 are left, at byte 1");
  check_refused(number(1) + text("x") + number(4) + huge, "x", "x has 1099511627776 bytes, and 0 are left, at byte 4");
  check_refused(number(-1) + number(3) + attribute("id", "1") + number(0) + no_data, "document",
                "document has a block that does not end where its size says at byte 8");
  check_refused(with({}, number(4) + huge), "data",
                "data has a block of 1099511627776 in 0 bytes at byte " + std::to_string(with({}).size()));
  check_refused(with({}) + "x", "document",
                "document is longer than its event, which ends at byte " + std::to_string(with({}).size()));
}

TEST_CASE("cloudevents avro: a document that is cut at any byte is refused", "[cloudevents][core]") {
  const auto data = number(3) + map_of({entry("a", 2, map_of({entry("l", 3, map_of({map_of({})}))})),
                                        entry("n", 3, real(1)), entry("s", 4, text("t"))});
  for (const auto& whole : {ce::to_avro(full({"text/plain", "x"})), with({entry("b", 4, text("xy"))}, data)}) {
    CHECK_NOTHROW(ce::from_avro(whole));
    for (std::size_t size = 0; size < whole.size(); ++size) {
      INFO(size);
      const auto why = why_unread(whole.substr(0, size));
      CHECK(why.message.find(" at byte ") != std::string::npos);
    }
  }
}

TEST_CASE("cloudevents avro: a document with any byte changed is refused, or is another event that comes back",
          "[cloudevents][core]") {
  std::mt19937 random(1);
  const auto whole = ce::to_avro(full({"application/json", "{}"}));
  for (std::size_t at = 0; at < whole.size(); ++at)
    for (int turn = 0; turn < 20; ++turn) {
      auto bytes = whole;
      bytes[at] = static_cast<char>(static_cast<unsigned char>(random()));
      if (const auto event = ce::try_from_avro(bytes))
        CHECK((ce::from_avro(ce::to_avro(*event)) == *event));
      else
        CHECK((!event.error().field.empty() || event.error().message.find("\"\" is not the name") == 0));
    }
}

TEST_CASE("cloudevents avro: the schema has the two names of the specification", "[cloudevents][core]") {
  const auto file = nlohmann::json::parse(ce::avro_schema());
  CHECK(file["name"] == "io.cloudevents.AvroCloudEvent");
  auto renamed = ce::avro_schema(ce::avro_record::cloud_event);
  CHECK(nlohmann::json::parse(renamed)["name"] == "io.cloudevents.CloudEvent");
  for (std::size_t at = 0; (at = renamed.find(".CloudEvent", at)) != std::string::npos;) renamed.insert(at + 1, "Avro");
  CHECK(renamed == ce::avro_schema());
}

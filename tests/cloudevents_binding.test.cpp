// SPDX-License-Identifier: MIT
// Events as messages of protocols, and values as canonical text.
#include "must/cloudevents/binding.hpp"

#include "must/error.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ce = must::cloudevents;
using ce::attribute_type;

namespace {

must::timestamp at(const char* text) { return *must::timestamp::parse(text); }

must::cloud_event full() {
  must::cloud_event event{.id = "1\xE2\x82\xAC 100%",
                          .source = "/shop",
                          .type = "com.example.ordered",
                          .subject = "order \"7\"",
                          .dataschema = "https://example.com/schema",
                          .time = at("2018-04-05T17:31:00+01:00"),
                          .data = must::payload("application/json", "{ \"a\": 1 }")};
  event.tags = {"a,b", "c\"d"};
  event.extensions = {{"flag", true},
                      {"mustschemaversion", 3},
                      {"n", -7},
                      {"bytes", must::binary{std::string("\0\xff", 2)}},
                      {"address", must::uri{"urn:x"}},
                      {"ref", must::uri_reference{"../x"}},
                      {"when", at("2020-01-01T00:00:00.5Z")},
                      {"sequence", "5"},
                      {"text", "t\xC3\xA9 %41"}};
  return event;
}
const ce::declared_types types{{"flag", attribute_type::boolean},      {"n", attribute_type::integer},
                               {"bytes", attribute_type::binary},      {"address", attribute_type::uri},
                               {"ref", attribute_type::uri_reference}, {"when", attribute_type::timestamp}};

std::string value_of(const ce::message& from, std::string_view name) {
  const auto found =
      std::find_if(from.headers.begin(), from.headers.end(), [&](const ce::header& one) { return one.name == name; });
  return found == from.headers.end() ? "(none)" : found->value;
}
std::string refused_field(const ce::message& from, const ce::header_style& style, const ce::declared_types& as = {}) {
  try {
    static_cast<void>(ce::from_message(from, style, as));
  } catch (const must::bad_input& why) {
    return why.error().field.str();
  }
  return "(read)";
}
ce::message small() {
  return {"text/plain", {{"ce_specversion", "1.0"}, {"ce_id", "1"}, {"ce_source", "/s"}, {"ce_type", "t"}}, "x"};
}

}  // namespace

TEST_CASE("binding: an event comes back by every protocol, in both modes, with its declared types",
          "[cloudevents][core]") {
  for (const auto& style : {ce::kafka_headers, ce::amqp_headers, ce::http_headers})
    for (const auto mode : {ce::content_mode::binary, ce::content_mode::structured}) {
      auto event = full();
      for (const auto& data : {must::payload("application/json", "{ \"a\": 1 }"), must::payload("text/plain", ""),
                               must::payload("", "\xff"), must::payload::absent(), must::payload::absent("text/plain"),
                               must::payload::null("application/json"),
                               must::payload::erased({"asked", at("2021-01-01T00:00:00Z")}, "a/b"),
                               must::payload("application/json; charset=utf-16", std::string("\xFE\xFF\0{\0}", 6))}) {
        event.data = data;
        const auto made = ce::to_message(event, style, mode);
        CHECK((ce::from_message(made, style, types) == event));
      }
    }
}

TEST_CASE("binding: an event whose data is an event comes back, and not the one within", "[cloudevents][core]") {
  const auto inner = ce::to_json(full());
  const auto batch = "[" + inner + "]";
  std::vector<must::payload> all;
  for (const std::string type :
       {"application/cloudevents+json", "application/cloudevents+json; charset=utf-8", "application/cloudevents",
        "Application/CloudEvents+JSON ; Charset=\"UTF-8\"", "APPLICATION/CLOUDEVENTS+JSON",
        "application/cloudevents+xml", "application/cloudevents+avro", "application/cloudevents-batch+json",
        "application/CloudEvents-Batch+json; a=b", "application/cloudevents.other"})
    for (const auto& bytes : {inner, batch, std::string("not JSON"), std::string("null"), std::string("\xff\0", 2)}) {
      all.emplace_back(type, bytes);
      all.push_back(must::payload::absent(type));
      all.push_back(must::payload::null(type));
      all.push_back(must::payload::erased({"asked", at("2021-01-01T00:00:00Z")}, type));
    }
  for (const auto& style : {ce::kafka_headers, ce::amqp_headers, ce::http_headers})
    for (const auto mode : {ce::content_mode::binary, ce::content_mode::structured})
      for (const auto& data : all) {
        auto event = full();
        event.id = "outer";
        event.data = data;
        const auto made = ce::to_message(event, style, mode);
        CHECK(made.content_type == "application/cloudevents+json; charset=UTF-8");
        CHECK((ce::from_message(made, style, types) == event));
      }
}

TEST_CASE("binding: a type that only resembles that of an event stays in binary mode", "[cloudevents][core]") {
  for (const std::string type : {"application/cloudevent+json", "text/cloudevents+json", "application/x-cloudevents"}) {
    auto event = full();
    event.data = {type, "{}"};
    const auto made = ce::to_message(event, ce::http_headers);
    CHECK(made.content_type == type);
    CHECK((ce::from_message(made, ce::http_headers, types) == event));
  }
}

TEST_CASE("binding: binary mode has a header for each attribute, and the bytes of the data as they are",
          "[cloudevents][core]") {
  const auto kafka = ce::to_message(full(), ce::kafka_headers);
  CHECK(kafka.content_type == "application/json");
  CHECK(kafka.body == "{ \"a\": 1 }");
  CHECK(value_of(kafka, "ce_specversion") == "1.0");
  CHECK(value_of(kafka, "ce_id") == "1\xE2\x82\xAC 100%");
  CHECK(value_of(kafka, "ce_datacontenttype") == "(none)");
  CHECK(value_of(kafka, "ce_bytes") == "AP8=");
  CHECK(value_of(kafka, "ce_flag") == "true");
  CHECK(value_of(kafka, "ce_n") == "-7");
  CHECK(value_of(kafka, "ce_time") == "2018-04-05T17:31:00+01:00");
  CHECK(value_of(kafka, "ce_musttags") == R"(["a,b","c\"d"])");
  const auto http = ce::to_message(full(), ce::http_headers);
  CHECK(value_of(http, "ce-id") == "1%E2%82%AC%20100%25");
  CHECK(value_of(http, "ce-subject") == "order%20%227%22");
  CHECK(value_of(ce::to_message(full(), ce::amqp_headers), "cloudEvents:type") == "com.example.ordered");
  CHECK_FALSE(ce::to_message(must::cloud_event{.id = "1", .source = "s", .type = "t"}, ce::kafka_headers).body);
  const auto structured = ce::to_message(full(), ce::kafka_headers, ce::content_mode::structured);
  CHECK(structured.content_type == "application/cloudevents+json; charset=UTF-8");
  CHECK(structured.headers.empty());
}

TEST_CASE("binding: every prefix of AMQP is read, and names of HTTP in any case", "[cloudevents][core]") {
  for (const std::string prefix : {"cloudEvents:", "cloudEvents_", "ce-", "ce_"}) {
    auto from = small();
    for (auto& one : from.headers) one.name.replace(0, 3, prefix);
    CHECK(ce::from_message(from, ce::amqp_headers).id == "1");
  }
  auto from = small();
  for (auto& one : from.headers) one.name.replace(0, 3, "CE-");
  from.headers.push_back({"Content-Length", "1"});
  from.headers.push_back({"Ce-Text", "\"a\\\"b%c3%A9%20%2541\""});
  const auto event = ce::from_message(from, ce::http_headers);
  CHECK(event.type == "t");
  CHECK(event.extensions.at("text") == must::attribute_value("a\"b\xC3\xA9 %41"));
  CHECK(event.extensions.size() == 1);
}

TEST_CASE("binding: a recorded event carries where it was stored", "[cloudevents][core]") {
  const must::recorded<must::payload> event{full(), 42, 7, at("2018-04-05T17:31:00.000001Z")};
  const auto made = ce::to_message(event, ce::kafka_headers);
  CHECK(value_of(made, "ce_sequence") == "00000000000000000042");
  CHECK(value_of(made, "ce_originsequence") == "5");
  CHECK(value_of(made, "ce_streamversion") == "7");
  CHECK(value_of(made, "ce_recordedtime") == "2018-04-05T17:31:00.000001Z");
}

TEST_CASE("binding: a message that is no event is refused, and the field says why", "[cloudevents][core]") {
  const auto with = [](std::vector<ce::header> more) {
    auto from = small();
    from.headers.insert(from.headers.end(), more.begin(), more.end());
    return from;
  };
  CHECK(refused_field({}, ce::kafka_headers) == "specversion");
  CHECK(refused_field(small(), ce::kafka_headers) == "(read)");
  CHECK(refused_field(with({{"ce_id", "2"}}), ce::kafka_headers) == "id");
  CHECK(refused_field(with({{"cloudEvents:id", "1"}}), ce::amqp_headers) == "id");
  CHECK(refused_field(with({{"ce_datacontenttype", "a/b"}}), ce::kafka_headers) == "datacontenttype");
  CHECK(refused_field(with({{"ce_data", "x"}}), ce::kafka_headers) == "data");
  CHECK(refused_field(with({{"ce_Upper", "x"}}), ce::kafka_headers) == "Upper");
  CHECK(refused_field(with({{"ce_time", "yesterday"}}), ce::kafka_headers) == "time");
  CHECK(refused_field(with({{"ce_n", "1.5"}}), ce::kafka_headers, {{"n", attribute_type::integer}}) == "n");
  CHECK(refused_field(with({{"ce_mustschemaversion", "x"}}), ce::kafka_headers) == "mustschemaversion");
  auto from = small();
  from.headers[1].value = "%C0%A0";
  for (auto& one : from.headers) one.name.replace(0, 3, "ce-");
  CHECK(refused_field(from, ce::http_headers) == "id");
  CHECK(refused_field({"application/cloudevents-batch+json", {}, "[]"}, ce::http_headers) == "content-type");
  CHECK(refused_field({"Application/CloudEvents+avro", {}, "x"}, ce::http_headers) == "content-type");
  CHECK(refused_field({"application/cloudevents+json", {}, {}}, ce::http_headers) == "body");
  CHECK(refused_field({"not a type", small().headers, "x"}, ce::kafka_headers) == "datacontenttype");
}

TEST_CASE("canonical text: each type goes to text and comes back, and nothing else does", "[cloudevents][core]") {
  for (const auto& [name, value] : full().extensions)
    CHECK((ce::from_text(name, ce::to_text(name, value), ce::type_of(value)) == value));
  const std::pair<attribute_type, const char*> bad[] = {
      {attribute_type::boolean, "True"},
      {attribute_type::boolean, ""},
      {attribute_type::integer, "2147483648"},
      {attribute_type::integer, "+1"},
      {attribute_type::integer, "1.0"},
      {attribute_type::string, "a\nb"},
      {attribute_type::string, "\xff"},
      {attribute_type::binary, "AA"},
      {attribute_type::uri, "x"},
      {attribute_type::uri_reference, "a b"},
      {attribute_type::timestamp, "2020-01-01"},
  };
  for (const auto& [type, text] : bad) CHECK_THROWS_AS(ce::from_text("x", text, type), must::bad_input);
}

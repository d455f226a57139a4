// SPDX-License-Identifier: MIT
// CloudEvents 1.0.2 in JSON: what is read, what is refused, what is written, and that it comes back.
#include "must/cloudevents.hpp"
#include "must/codec/json.hpp"

#include "support/catch.hpp"

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace ce = must::cloudevents;

namespace cloudevents_test {

struct activated {
  static constexpr auto type = "activated";
  int user_id = 0;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(activated, user_id)
};
struct renamed {
  static constexpr auto type = "renamed";
  std::string name{};
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(renamed, name)
};

}  // namespace cloudevents_test

namespace {

using namespace cloudevents_test;

// A document with the required attributes and `more` members.
std::string with(std::string_view more) {
  std::string text = R"({"specversion":"1.0","id":"1","source":"/s","type":"t")";
  if (!more.empty()) (text += ',') += more;
  return text += '}';
}

must::cloud_event event_with(must::payload data = {}) {
  must::cloud_event event;
  event.id = "1";
  event.source = "/s";
  event.type = "t";
  event.data = std::move(data);
  return event;
}

must::error why_unread(std::string_view text) {
  INFO(text.substr(0, 300));
  const auto event = ce::try_from_json(text);
  REQUIRE_FALSE(event);
  CHECK(event.error().code == must::error_code::bad_input);
  CHECK_FALSE(event.error().field.empty());
  CHECK_THROWS_AS(ce::from_json(text), must::bad_input);
  return event.error();
}

template <typename Write>
must::error why_not(Write&& write) {
  try {
    INFO(write());
    FAIL("it was written");
  } catch (const must::bad_input& thrown) {
    return thrown.error();
  }
  return {};
}
must::error why_unwritten(const must::cloud_event& event) {
  return why_not([&] { return ce::to_json(event); });
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

std::string text_of(const must::attributes& extensions, std::string_view name) {
  const auto found = extensions.find(name);
  REQUIRE(found != extensions.end());
  return std::get<std::string>(found->second);
}

struct refused {
  std::string text;
  const char* field;
  const char* part;
};

void check_refused(const std::vector<refused>& cases) {
  for (const auto& [text, field, part] : cases) {
    INFO(text);
    const auto why = why_unread(text);
    CHECK(why.field == field);
    INFO(why.message);
    CHECK(contains(why.message, field));
    CHECK(contains(why.message, part));
  }
}

}  // namespace

TEST_CASE("cloudevents: every attribute is read", "[cloudevents][core]") {
  const auto event =
      ce::from_json(R"( {"data" : {"a":1}, "specversion":"1.0","id":"A234-1234-1234","source":"/mycontext",
    "type":"com.example.someevent","subject":"larger-context","time":"2018-04-05T17:31:00.123+02:00",
    "datacontenttype":"application/json","dataschema":"https://example.com/s?v=1","flag":true,"off":false,"n":-5,"word":"w\u00e9"} )");
  CHECK(event.id == "A234-1234-1234");
  CHECK(event.source == "/mycontext");
  CHECK(event.type == "com.example.someevent");
  CHECK(event.subject == "larger-context");
  CHECK(event.dataschema == "https://example.com/s?v=1");
  REQUIRE(event.time);
  CHECK(event.time->to_string() == "2018-04-05T17:31:00.123+02:00");
  CHECK(event.extensions ==
        must::attributes{{"flag", true}, {"off", false}, {"n", -5}, {"word", std::string("w\u00e9")}});
  CHECK(event.data == must::payload("application/json", R"({"a":1})"));
  CHECK(event.tags.empty());
}

TEST_CASE("cloudevents: null is an absent attribute", "[cloudevents][core]") {
  const auto event = ce::from_json(
      with(R"("subject":null,"time":null,"datacontenttype":null,"dataschema":null,"x":null,"data_base64":null)"));
  CHECK(event == event_with());
  CHECK_FALSE(event.time);
  for (const char* name : {"specversion", "id", "source", "type"}) {
    auto text = with("");
    const auto at = text.find('"', text.find(std::string("\"") + name + "\":") + std::string_view(name).size() + 3);
    text.replace(at, text.find('"', at + 1) + 1 - at, "null");
    const auto why = why_unread(text);
    CHECK(why.field == name);
    CHECK(contains(why.message, "is missing"));
  }
}

TEST_CASE("cloudevents: a required attribute that is missing, empty or no string is refused", "[cloudevents][core]") {
  check_refused({
      {R"({"id":"1","source":"/s","type":"t"})", "specversion", "is missing"},
      {R"({"specversion":"1.0","source":"/s","type":"t"})", "id", "is missing"},
      {R"({"specversion":"1.0","id":"1","type":"t"})", "source", "is missing"},
      {R"({"specversion":"1.0","id":"1","source":"/s"})", "type", "is missing"},
      {R"({"specversion":"1.0","id":"","source":"/s","type":"t"})", "id", "is empty"},
      {R"({"specversion":"1.0","id":"1","source":"","type":"t"})", "source", "is empty"},
      {R"({"specversion":"1.0","id":"1","source":"/s","type":""})", "type", "is empty"},
      {R"({"specversion":"","id":"1","source":"/s","type":"t"})", "specversion", "is empty"},
      {R"({"specversion":"1.0","id":1,"source":"/s","type":"t"})", "id", "1, which is not a string"},
      {R"({"specversion":1.0,"id":"1","source":"/s","type":"t"})", "specversion", "not a string"},
      {R"({"specversion":"1.0","id":"1","source":["/s"],"type":"t"})", "source", "not a string"},
      {R"({"specversion":"1.0","id":"1","source":"/s","type":true})", "type", "not a string"},
      {R"({"specversion":"0.3","id":"1","source":"/s","type":"t"})", "specversion", "\"0.3\""},
      {R"({"specversion":"1.0.2","id":"1","source":"/s","type":"t"})", "specversion", "\"1.0.2\""},
      {R"({"specversion":"1","id":"1","source":"/s","type":"t"})", "specversion", "only \"1.0\""},
      {R"({"specversion":" 1.0","id":"1","source":"/s","type":"t"})", "specversion", "only \"1.0\""},
  });
}

TEST_CASE("cloudevents: an optional attribute that is empty or misshapen is refused", "[cloudevents][core]") {
  check_refused({
      {with(R"("subject":"")"), "subject", "is empty"},
      {with(R"("dataschema":"")"), "dataschema", "is empty"},
      {with(R"("datacontenttype":"")"), "datacontenttype", "is empty"},
      {with(R"("time":"")"), "time", "RFC 3339"},
      {with(R"("subject":5)"), "subject", "not a string"},
      {with(R"("time":1522949460)"), "time", "not a string"},
      {with(R"("dataschema":"/relative")"), "dataschema", "\"/relative\" is not an absolute URI"},
      {with(R"("dataschema":"http://a/b#fragment")"), "dataschema", "absolute URI"},
      {with(R"("datacontenttype":"json")"), "datacontenttype", "\"json\" is not a media type"},
      {with(R"("datacontenttype":{})"), "datacontenttype", "not a string"},
  });
}

TEST_CASE("cloudevents: names of attributes are lower-case letters and digits", "[cloudevents][core]") {
  for (const char* name : {"a", "0", "com1example2", "averyveryverylongnameofanattribute"}) {
    INFO(name);
    CHECK(ce::from_json(with(std::string("\"") + name + "\":1")).extensions.size() == 1);
    auto event = event_with();
    event.extensions[name] = 1;
    CHECK(ce::from_json(ce::to_json(event)) == event);
  }
  for (const char* name : {"A", "subJect", "a-b", "a_b", "a.b", "a b", "\xC3\xA9", "data_base63", "ID"}) {
    INFO(name);
    for (const char* value : {"1", "null", "\"x\""})
      CHECK(why_unread(with(std::string("\"") + name + "\":" + value)).field == name);
    auto event = event_with();
    event.extensions[name] = 1;
    CHECK(why_unwritten(event).field == name);
  }
  CHECK(ce::try_from_json(with(R"("":1)")).error().message.find("is not the name of an attribute") !=
        std::string::npos);
  for (const char* name : {"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema",
                           "data", "musttags", "musterased", "musterasedwhy"}) {
    auto event = event_with();
    event.extensions[name] = std::string("x");
    INFO(name);
    CHECK(why_unwritten(event).field == name);
  }
}

TEST_CASE("cloudevents: a name that stands twice is refused, anywhere", "[cloudevents][core]") {
  for (const char* more : {R"("id":"2")", R"("x":1,"x":1)", R"("x":1,"\u0078":2)", R"("subject":null,"subject":"s")",
                           R"("data":1,"data":1)", R"("data":{"a":1,"a":2})", R"("data":[{"b":{},"c":1,"b":[]}])"}) {
    INFO(more);
    CHECK(contains(why_unread(with(more)).message, "twice"));
  }
  CHECK(ce::from_json(with(R"("data":{"a":{"a":[{"a":1},{"a":1}]}})")).data.is_present());
}

TEST_CASE("cloudevents: an extension is a boolean, an integer of 32 bits, or a string", "[cloudevents][core]") {
  const auto read = [](const char* value) {
    return ce::from_json(with(std::string("\"x\":") + value)).extensions.at("x");
  };
  CHECK(read("true") == must::attribute_value(true));
  CHECK(read("2147483647") == must::attribute_value(2147483647));
  CHECK(read("-2147483648") == must::attribute_value(INT32_MIN));
  CHECK(read("-0") == must::attribute_value(0));
  CHECK(read("\"\"") == must::attribute_value(std::string()));
  CHECK(read(R"("\ud83d\ude00")") == must::attribute_value(std::string("\xF0\x9F\x98\x80")));
  for (const char* value : {"42.42", "42.0", "1e2", "2147483648", "-2147483649", "1e400",
                            "123456789012345678901234567890", "{}", "[]", "[1]", R"({"a":1})"}) {
    INFO(value);
    const auto why = why_unread(with(std::string("\"x\":") + value));
    CHECK(why.field == "x");
    CHECK(contains(why.message, "x is "));
  }
}

TEST_CASE("cloudevents: a string holds no control character, noncharacter or half surrogate pair",
          "[cloudevents][core]") {
  for (const char* bad :
       {R"(\u0000)", R"(\u0001)", R"(\n)",           R"(\t)",        R"(\u001f)",       R"(\u007f)",
        "\x7f",      R"(\u0080)", R"(\u009f)",       "\xC2\x80",     "\xC2\x9F",        R"(\ufdd0)",
        R"(\ufdef)", R"(\ufffe)", R"(\uffff)",       "\xEF\xBF\xBE", R"(\ud83f\udffe)", "\xF4\x8F\xBF\xBF",
        R"(\ud800)", R"(\udc00)", R"(\ud800\ud800)", R"(\ud800x)",   R"(\udc00\ud800)"}) {
    INFO(bad);
    for (const char* name : {"subject", "x", "musttags"}) {
      const auto why = why_unread(with(std::string("\"") + name + "\":\"a" + bad + "b\""));
      CHECK(why.field == name);
    }
    CHECK(why_unread(std::string(R"({"specversion":"1.0","source":"/s","type":"t","id":"a)") + bad + "\"}").field ==
          "id");
  }
  for (const char* good : {" ", "\xC2\xA0", "\xED\x9F\xBF", "\xEE\x80\x80", "\xEF\xBF\xBD", R"(\ufdcf)", R"(\ufdf0)",
                           R"(\ud83f\udffd)", R"(\"\\\/)", "\xF4\x8F\xBF\xBD"}) {
    INFO(good);
    const auto event = ce::from_json(with(std::string("\"subject\":\"") + good + "\",\"x\":\"" + good + "\""));
    CHECK(ce::from_json(ce::to_json(event)) == event);
  }
  for (const char* bad :
       {"\n", "\x01", "\x7f", "\xC2\x85", "\xEF\xBF\xBF", "\xEF\xB7\x90", "\xff", "\xC0\x80", "\xED\xA0\x80", "\xC3"}) {
    INFO(bad);
    auto event = event_with();
    event.subject = bad;
    CHECK(why_unwritten(event).field == "subject");
    event = event_with();
    event.extensions["x"] = std::string(bad);
    CHECK(why_unwritten(event).field == "x");
    event = event_with();
    event.id = bad;
    CHECK(why_unwritten(event).field == "id");
    event = event_with();
    event.type = bad;
    CHECK(why_unwritten(event).field == "type");
  }
}

TEST_CASE("cloudevents: a source is a URI-reference", "[cloudevents][core]") {
  for (const char* good : {"/",
                           "/cloudevents/spec/pull/123",
                           "https://github.com/cloudevents",
                           "mailto:cncf-wg-serverless@lists.cncf.io",
                           "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66",
                           "cloudevents/spec/pull/123",
                           "1-555-123-4567",
                           "#fragment",
                           "?q",
                           "//authority/path",
                           "a%20b",
                           "http://user:pw@host:80/p;a=b?q=/?#f?/",
                           "http://[::1]:8080/",
                           "http://[2001:db8::7]",
                           "http://[::ffff:1.2.3.4]/",
                           "http://[v1.a:b]/",
                           "http://1.2.3.4",
                           "file:///etc",
                           "./a:b",
                           "../x",
                           "http://host:",
                           "x:",
                           "ldap://[1:2:3:4:5:6:7:8]/c=GB?o?one",
                           "http://[1::]/"}) {
    INFO(good);
    auto event = event_with();
    event.source = good;
    CHECK(ce::from_json(ce::to_json(event)).source == good);
  }
  for (const char* bad : {"a b",
                          "a\\\\b",
                          "<x>",
                          "a|b",
                          "a^b",
                          "a`b",
                          "{a}",
                          "%",
                          "%2",
                          "%zz",
                          "\xC3\xA9",
                          "1:2",
                          "1-555:x",
                          ":x",
                          "a_b:c",
                          "http://[::1",
                          "http://[1:2]/",
                          "http://[1::2::3]/",
                          "http://[g::]/",
                          "http://[:1:2:3:4:5:6:7]/",
                          "http://h:8a/",
                          "http://a@b@c/",
                          "a[b]",
                          "a#b#c",
                          "http://[1:2:3:4:5:6:7:8:9]/",
                          "http://[::1.2.3.256]/",
                          "http://[::01.2.3.4]/",
                          "http://[v.a]/",
                          "http://[12345::]/",
                          "//[]/",
                          "http://[1:2:3:4:5:6:7:]/"}) {
    INFO(bad);
    const auto why = why_unread(std::string(R"({"specversion":"1.0","id":"1","type":"t","source":")") + bad + "\"}");
    CHECK(why.field == "source");
    CHECK(contains(why.message, "is not a URI-reference"));
  }
}

TEST_CASE("cloudevents: a dataschema is an absolute URI", "[cloudevents][core]") {
  for (const char* good : {"http://a", "urn:x:y", "http://a/b?c=d", "a+b-c.1:"}) {
    INFO(good);
    auto event = event_with();
    event.dataschema = good;
    CHECK(ce::from_json(ce::to_json(event)) == event);
  }
  for (const char* bad : {"a", "/a", "//a/b", "#x", "?x", "1a:b", "http://a#b", "http://a b", ":"}) {
    INFO(bad);
    auto event = event_with();
    event.dataschema = bad;
    CHECK(why_unwritten(event).field == "dataschema");
    CHECK(why_unread(with(std::string("\"dataschema\":\"") + bad + "\"")).field == "dataschema");
  }
}

TEST_CASE("cloudevents: a datacontenttype is a media type", "[cloudevents][core]") {
  for (const char* good : {"text/plain", "text/plain;charset=utf-8", "text/plain; charset=\"utf 8\"",
                           "multipart/form-data; boundary=\"a\\\"b\" ; x=y", "a/b", "application/vnd.x+xml", "TEXT/X",
                           "text/plain;a=\"\""}) {
    INFO(good);
    const auto event = event_with(must::payload::absent(good));
    CHECK(ce::from_json(ce::to_json(event)) == event);
  }
  for (const char* bad :
       {"text", "text/", "/plain", "text/plain;", "text/plain; ", "text/plain;charset",
        "text/plain;charset=", "text/plain;=x", "text /plain", "text/ plain", "text/plain;a=\"b", "text/plain;a=b c",
        "text/plain;a=\"b\"c", " text/plain", "text/plain ", "te\xC3\xA9/x", "a/b/c", "a/b,c/d"}) {
    INFO(bad);
    CHECK(why_unwritten(event_with(must::payload::absent(bad))).field == "datacontenttype");
    std::string escaped;
    must::detail::text::append_json_string(escaped, bad);
    CHECK(why_unread(with("\"datacontenttype\":" + escaped)).field == "datacontenttype");
  }
}

TEST_CASE("cloudevents: a time is RFC 3339, kept as it is, and never made up", "[cloudevents][core]") {
  for (const char* good : {"2018-04-05T17:31:00Z", "2018-04-05T17:31:00.123456789Z", "2018-04-05T17:31:00+05:45",
                           "2018-04-05T17:31:00.5-23:59", "1990-12-31T23:59:60Z", "2018-04-05T17:31:00-00:00",
                           "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"}) {
    const auto text = with(std::string("\"time\":\"") + good + "\"");
    INFO(text);
    CHECK(ce::to_json(ce::from_json(text)) == text);
  }
  for (const char* bad :
       {"2018-04-05T18:31Z", "2018-04-05T18:31:00X", "2018-04-05T18:31:00+25:00", "2018-04-05T18:31:00+xx:00",
        "2018-04-05T18:31:00+05", "2018-04-05 18:31:00Z", "2018-04-05", "now", "2018-02-30T00:00:00Z"}) {
    const auto why = why_unread(with(std::string("\"time\":\"") + bad + "\""));
    CHECK(why.field == "time");
    CHECK(contains(why.message, std::string("time \"") + bad + "\" is not an RFC 3339 timestamp: "));
  }
  CHECK_FALSE(ce::from_json(with("")).time);
  CHECK(ce::to_json(event_with()) == with(""));
  auto event = event_with();
  for (const auto microseconds :
       {INT64_MAX, INT64_MIN, std::int64_t{253'402'300'800'000'000}, std::int64_t{-62'167'219'200'000'001}}) {
    event.time = must::timestamp{.microseconds = microseconds};
    CHECK(why_unwritten(event).field == "time");
  }
}

TEST_CASE("cloudevents: absent, null and present data are kept apart", "[cloudevents][core]") {
  using must::payload;
  const struct {
    const char* more;
    payload data;
  } cases[] = {
      {"", payload()},
      {R"("datacontenttype":"text/plain")", payload::absent("text/plain")},
      {R"("datacontenttype":"application/json","data":null)", payload::null("application/json")},
      {R"("datacontenttype":"text/plain","data":null)", payload::null("text/plain")},
      {R"("datacontenttype":"application/json","data":"")", payload("application/json", "\"\"")},
      {R"("datacontenttype":"application/json","data":"null")", payload("application/json", "\"null\"")},
      {R"("datacontenttype":"application/json","data":"{\"a\":1}")", payload("application/json", R"("{\"a\":1}")")},
      {R"("datacontenttype":"application/json","data":{"a":[1,true,null,"x",{}]})",
       payload("application/json", R"({"a":[1,true,null,"x",{}]})")},
      {R"("datacontenttype":"Text/X-JSON;v=1","data":"{}")", payload("Text/X-JSON;v=1", "{}")},
      {R"("datacontenttype":"Text/JSON;v=1","data":{})", payload("Text/JSON;v=1", "{}")},
      {R"("datacontenttype":"a/b+Json ; c=\"d\"","data":false)", payload("a/b+Json ; c=\"d\"", "false")},
      {R"("datacontenttype":"text/plain","data":"")", payload("text/plain", "")},
      {R"("datacontenttype":"text/plain","data":"a\n\u0000\u007f\"€")",
       payload("text/plain", std::string("a\n\0\x7f\"\xE2\x82\xAC", 8))},
      {R"("datacontenttype":"application/xml","data":"<much wow=\"xml\"/>")",
       payload("application/xml", "<much wow=\"xml\"/>")},
      {R"("datacontenttype":"text/plain","data_base64":"/w==")", payload("text/plain", "\xff")},
      {R"("data_base64":"AAEC")", payload("", std::string("\0\1\2", 3))},
      {R"("data_base64":"")", payload("", "")},
  };
  for (const auto& [more, data] : cases) {
    const auto text = with(more);
    INFO(text);
    const auto event = ce::from_json(text);
    CHECK((event.data == data));
    CHECK(ce::to_json(event) == text);
  }
}

TEST_CASE("cloudevents: data without datacontenttype is application/json", "[cloudevents][core]") {
  CHECK(ce::from_json(with(R"("data":"I'm just a string")")).data ==
        must::payload("application/json", "\"I'm just a string\""));
  CHECK(ce::from_json(with(R"("data":null)")).data == must::payload::null("application/json"));
  CHECK(ce::from_json(with(R"("data":5,"datacontenttype":null)")).data == must::payload("application/json", "5"));
}

TEST_CASE("cloudevents: JSON data keeps its tokens, not its space", "[cloudevents][core]") {
  for (const char* data : {"1e400", "-0", "-0.0", "1.0", "1.10E+2", "18446744073709551616", "-9223372036854775809",
                           "123456789012345678901234567890.5", R"("\u00e9\/\ud800")", R"({"z":1,"a":{"\u0041":2}})",
                           "[[],{},[{}]]", R"("{ \\\" }")"}) {
    INFO(data);
    const auto event = ce::from_json(with(std::string("\"data\":") + data));
    CHECK(event.data.bytes() == data);
    CHECK(ce::from_json(ce::to_json(event)) == event);
    CHECK(ce::from_json(ce::to_json(event, 3)) == event);
    CHECK(contains(ce::to_json(event), std::string("\"data\":") + data));
  }
  CHECK(ce::from_json(with("\"data\":\t{ \"a b\" :\r\n[ 1 , 2 ] }\n")).data.bytes() == R"({"a b":[1,2]})");
  const auto spaced = event_with({"application/json", "{ \"a\" :\n1 }"});
  CHECK(ce::from_json(ce::to_json(spaced)) == spaced);
}

TEST_CASE("cloudevents: data in base64 keeps its bytes, though it is declared JSON", "[cloudevents][core]") {
  const auto base64 = [](std::string_view bytes) {
    return with("\"datacontenttype\":\"application/json\",\"data_base64\":\"" + must::detail::text::to_base64(bytes) +
                "\"");
  };
  for (const char* bytes : {"", "{", "\xff", "{\"a\":1,\"a\":1}", "null", " null ", "{ \"a\" : 1 }", "1\n"}) {
    INFO(bytes);
    const auto event = ce::from_json(base64(bytes));
    CHECK((event.data == must::payload("application/json", bytes)));
    CHECK(ce::to_json(event) == base64(bytes));
  }
  CHECK(ce::to_json(ce::from_json(base64("{\"a\":1}"))) ==
        with(R"("datacontenttype":"application/json","data":{"a":1})"));
}

TEST_CASE("cloudevents: data that is misplaced or misshapen is refused", "[cloudevents][core]") {
  check_refused({
      {with(R"("data":1,"data_base64":"AA==")"), "data_base64", "stands beside data"},
      {with(R"("data":null,"data_base64":"AA==")"), "data_base64", "stands beside data"},
      {with(R"("data_base64":5)"), "data_base64", "not a string"},
      {with(R"("datacontenttype":"text/plain","data":5)"), "data", "not a string"},
      {with(R"("datacontenttype":"text/plain","data":{})"), "data", "not a string"},
      {with(R"("datacontenttype":"text/plain","data":"\ud800")"), "data", "surrogate"},
      {with(R"("datacontenttype":"application/xml","data":["<x/>"])"), "data", "not a string"},
  });
  for (const char* bad : {"A", "AA", "AAA", "AA=", "A===", "AAAA=", "AA==AA==", "A A=", "AA-_",
                          "AB==", "AAB=", "====", "\\nAA==", "AA=A", "AA==\\n", "\xC3\xA9=="}) {
    INFO(bad);
    const auto why = why_unread(with(std::string("\"data_base64\":\"") + bad + "\""));
    CHECK(why.field == "data_base64");
    CHECK(contains(why.message, "is not padded base64"));
  }
}

TEST_CASE("cloudevents: what is not one JSON object in UTF-8 is refused", "[cloudevents][core]") {
  for (const std::string& bad : {std::string(),
                                 std::string(" "),
                                 std::string("{"),
                                 with("") + ",",
                                 with("") + with(""),
                                 std::string("\xEF\xBB\xBF") + with(""),
                                 with("\"x\":\"\xff\""),
                                 with("\"x\":\"\xED\xA0\x80\""),
                                 with("\"x\":\"\xC0\x80\""),
                                 with("\"x\":\"a\nb\""),
                                 with("\"x\":tru"),
                                 with("\"x\":01"),
                                 with("\"x\":+1"),
                                 with("\"x\":.5"),
                                 with("\"x\":1."),
                                 with("\"x\":1e"),
                                 with("\"x\":-"),
                                 with("\"x\":NaN"),
                                 with("\"x\":'a'"),
                                 with("\"x\":\"\\x41\""),
                                 with("\"x\":\"\\u12g4\""),
                                 with("x:1"),
                                 with("\"x\" 1"),
                                 with("\"x\":1,"),
                                 with("\"x\":"),
                                 with("// c\n\"x\":1"),
                                 with("\"data\":[1 2]"),
                                 with("\"data\":[1}"),
                                 with("\"data\":{1:2}"),
                                 with("\"x\":\""),
                                 std::string("{\"id\0\":1}", 10),
                                 std::string("\0", 1),
                                 with("") + std::string(1, '\0')}) {
    const auto why = why_unread(bad);
    CHECK(why.field == "document");
    CHECK(contains(why.message, "the document is not JSON: "));
  }
  for (const char* bad : {"[]", "5", "\"x\"", "null", "true"}) {
    const auto why = why_unread(bad);
    CHECK(why.field == "event");
    CHECK(contains(why.message, "not a JSON object"));
  }
  // What a message shows of a long document ends with a whole character.
  CHECK(why_unread("[\"" + std::string(61, 'a') + "\xC3\xA9\"]").message ==
        "event is [\"" + std::string(61, 'a') + ", which is not a JSON object");
  CHECK(why_unread("[\n1]").message == "event is [\\x0a1], which is not a JSON object");
}

TEST_CASE("cloudevents: every cut of a document is refused", "[cloudevents][core]") {
  const auto whole = with(R"("time":"2018-04-05T17:31:00Z","n":-12,"data":{"a":[1.5e3,"\u00e9",true,null]})") + "";
  CHECK(ce::try_from_json(whole));
  for (std::size_t length = 0; length < whole.size(); ++length)
    CHECK_FALSE(ce::try_from_json(std::string_view(whole).substr(0, length)));
}

TEST_CASE("cloudevents: a document nested too deep is refused without a crash", "[cloudevents][core]") {
  const std::string deep(100'000, '[');
  CHECK(contains(why_unread(deep).message, "deeper than"));
  CHECK(contains(why_unread(with("\"data\":" + deep)).message, "deeper than"));
  CHECK_THROWS_AS(ce::from_json_batch(deep), must::bad_input);
  for (const std::size_t levels : {509U, 510U, 511U, 512U, 100'000U}) {
    const auto event = event_with({"application/json", std::string(levels, '[') + std::string(levels, ']')});
    CHECK((ce::from_json(ce::to_json(event)) == event));
    CHECK((ce::from_json_batch(ce::to_json_batch(std::vector{event})).front() == event));
  }
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  CHECK(contains(why_unread(objects).message, "deeper than"));
  CHECK(ce::try_from_json(with("\"data\":" + std::string(511, '[') + std::string(511, ']'))));
}

TEST_CASE("cloudevents: attributes are written in order, extensions by name, data last", "[cloudevents][core]") {
  auto event = event_with({"application/json", R"({"user_id":123})"});
  event.subject = "user:123";
  event.dataschema = "urn:s";
  event.time = *must::timestamp::parse("2018-04-05T17:31:00Z");
  event.extensions = {{"z", 1}, {"aaa", std::string("x")}, {"data1", true}};
  CHECK(
      ce::to_json(event) ==
      R"({"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"user:123","time":"2018-04-05T17:31:00Z",)"
      R"("datacontenttype":"application/json","dataschema":"urn:s","aaa":"x","data1":true,"z":1,"data":{"user_id":123}})");
  CHECK(ce::to_json(event, 2) == R"({
  "specversion": "1.0",
  "id": "1",
  "source": "/s",
  "type": "t",
  "subject": "user:123",
  "time": "2018-04-05T17:31:00Z",
  "datacontenttype": "application/json",
  "dataschema": "urn:s",
  "aaa": "x",
  "data1": true,
  "z": 1,
  "data": {
    "user_id": 123
  }
})");
}

TEST_CASE("cloudevents: an indent lays JSON data out as nlohmann_json does", "[cloudevents][core]") {
  for (const char* data : {R"({"a":[1,[],{},[[1]],"x y"],"b":{"c":{}}})", "[]", "{}", "[1,2]", "5"}) {
    INFO(data);
    std::string mine;
    must::detail::text::append_json(mine, data, 2);
    CHECK(mine == nlohmann::json::parse(data).dump(2));
  }
}

TEST_CASE("cloudevents: binary, URI, URI-reference and timestamp extensions are written as strings",
          "[cloudevents][core]") {
  auto event = event_with();
  event.extensions = {{"bin", must::binary{std::string("\0\xff", 2)}},
                      {"uri", must::uri{"urn:x"}},
                      {"ref", must::uri_reference{"../x#y"}},
                      {"at", *must::timestamp::parse("2018-04-05T17:31:00+01:00")}};
  const auto read = ce::from_json(ce::to_json(event));
  CHECK(text_of(read.extensions, "bin") == "AP8=");
  CHECK(text_of(read.extensions, "uri") == "urn:x");
  CHECK(text_of(read.extensions, "ref") == "../x#y");
  CHECK(text_of(read.extensions, "at") == "2018-04-05T17:31:00+01:00");
  for (const must::attribute_value& bad :
       {must::attribute_value(must::uri{"x"}), must::attribute_value(must::uri_reference{"a b"}),
        must::attribute_value(must::timestamp{.microseconds = INT64_MAX})}) {
    event.extensions = {{"x", bad}};
    CHECK(why_unwritten(event).field == "x");
  }
}

TEST_CASE("cloudevents: an event that CloudEvents forbids is not written", "[cloudevents][core]") {
  for (const auto& [member, name] : {std::pair{&must::cloud_event::id, "id"},
                                     {&must::cloud_event::source, "source"},
                                     {&must::cloud_event::type, "type"}}) {
    auto event = event_with();
    event.*member = "";
    const auto why = why_unwritten(event);
    CHECK(why.field == name);
    CHECK(why.message == std::string(name) + " is empty");
  }
  auto event = event_with();
  event.source = "a b";
  CHECK(why_unwritten(event).message == "source \"a b\" is not a URI-reference");
}

TEST_CASE("cloudevents: tags survive commas, quotes, Unicode and control characters", "[cloudevents][core]") {
  auto event = event_with();
  event.tags = {"course:c1",
                "a,b",
                "\"quoted\"",
                "\\",
                "[",
                "\xE2\x82\xAC \xF0\x9F\x98\x80",
                "tab\tnew\nline",
                "\x7f\xC2\x85",
                "\xEF\xBF\xBF",
                "\xF4\x8F\xBF\xBF",
                std::string_view("n\0l", 3),
                " "};
  for (const int indent : {-1, 0, 4}) {
    const auto read = ce::from_json(ce::to_json(event, indent));
    CHECK((read == event));
  }
  check_refused({
      {with(R"("musttags":"a,b")"), "musttags", "JSON array"},
      {with(R"("musttags":"{}")"), "musttags", "JSON array"},
      {with(R"("musttags":"[")"), "musttags", "JSON array"},
      {with(R"("musttags":"")"), "musttags", "JSON array"},
      {with(R"("musttags":5)"), "musttags", "JSON array"},
      {with(R"("musttags":["a"])"), "musttags", "array"},
      {with(R"("musttags":"[5]")"), "musttags", "not a string"},
      {with(R"("musttags":"[\"\"]")"), "musttags", "is empty"},
      {with(R"("musttags":"[\"\\ud800\"]")"), "musttags", "surrogate"},
  });
  event.tags = {""};
  CHECK(why_unwritten(event).field == "tags");
  event.tags = {"\xff"};
  CHECK(why_unwritten(event).field == "tags");
}

TEST_CASE("cloudevents: an erased payload stays erased", "[cloudevents][core]") {
  for (const char* why : {"", "on request"}) {
    const auto event =
        event_with(must::payload::erased({why, *must::timestamp::parse("2018-04-05T17:31:00.5Z")}, "application/json"));
    const auto text = ce::to_json(event);
    CHECK(contains(text, R"("musterased":"2018-04-05T17:31:00.5Z")"));
    CHECK(ce::from_json(text) == event);
  }
  check_refused({
      {with(R"("musterased":"2018-04-05T17:31:00Z","data":1)"), "musterased", "beside data"},
      {with(R"("musterased":"x")"), "musterased", "RFC 3339"},
      {with(R"("musterased":5)"), "musterased", "not a string"},
      {with(R"("musterasedwhy":"x")"), "musterasedwhy", "without musterased"},
  });
}

TEST_CASE("cloudevents: a recorded event carries position, version and time", "[cloudevents][core]") {
  must::recorded<must::payload> event{event_with({"application/json", "{}"}), 42, 7,
                                      *must::timestamp::parse("2018-04-05T17:31:00.000001Z")};
  event.subject = "user:1";
  event.tags = {"a"};
  const auto text = ce::to_json(event);
  CHECK(contains(
      text,
      R"("musttags":"[\"a\"]","recordedtime":"2018-04-05T17:31:00.000001Z","sequence":"00000000000000000042","streamversion":7,)"));
  CHECK(ce::recorded_from_json(text) == event);
  const auto plain = ce::from_json(text);
  CHECK(text_of(plain.extensions, "sequence") == "00000000000000000042");

  event.position = UINT64_MAX;
  event.version = must::version(UINT64_MAX);
  CHECK(contains(ce::to_json(event), R"("sequence":"18446744073709551615","streamversion":"18446744073709551615")"));
  CHECK(ce::recorded_from_json(ce::to_json(event)) == event);
  event.version = 0;
  CHECK_FALSE(contains(ce::to_json(event), "streamversion"));
  CHECK(ce::recorded_from_json(ce::to_json(event)) == event);
}

TEST_CASE("cloudevents: an event that no store recorded is not read as a recorded one", "[cloudevents][core]") {
  const auto with_time = [](std::string_view more) {
    return with(std::string(R"("recordedtime":"2018-04-05T17:31:00Z",)").append(more));
  };
  const struct {
    std::string text;
    const char* field;
  } cases[] = {
      {with(""), "sequence"},
      {with(R"("sequence":"00000000000000000001")"), "recordedtime"},
      {with_time(R"("sequence":"1")"), "sequence"},
      {with_time(R"("sequence":1)"), "sequence"},
      {with_time(R"("sequence":"-0000000000000000001")"), "sequence"},
      {with_time(R"("sequence":"99999999999999999999")"), "sequence"},
      {with_time(R"("sequence":"00000000000000000001","streamversion":-1)"), "streamversion"},
      {with_time(R"("sequence":"00000000000000000001","streamversion":true)"), "streamversion"},
      {with_time(R"("sequence":"00000000000000000001","streamversion":"x")"), "streamversion"},
      {with(R"("sequence":"00000000000000000001","recordedtime":"x")"), "recordedtime"},
      {with(R"("sequence":"00000000000000000001","recordedtime":5)"), "recordedtime"},
  };
  for (const auto& [text, field] : cases) {
    INFO(text);
    CHECK(why_not([&, &document = text] { return ce::recorded_from_json(document).id; }).field == field);
  }
}

TEST_CASE("cloudevents: the user's own events are encoded by their codec", "[cloudevents][core]") {
  using events = must::one_of<activated, renamed>;
  must::basic_event<events> event;
  event.id = "1";
  event.source = "/s";
  event.type = "activated";
  event.data = activated{7};
  CHECK(contains(ce::to_json(event), R"("datacontenttype":"application/json","data":{"user_id":7}})"));
  const must::recorded<events> stored{event, 3, 1, {}};
  CHECK(contains(ce::to_json(stored), R"("sequence":"00000000000000000003")"));
  CHECK(must::codec<activated>::decode(ce::recorded_from_json(ce::to_json(stored)).data).user_id == 7);
  event.data = renamed{"\xff"};
  CHECK_THROWS_AS(ce::to_json(event), must::codec_error);
  CHECK(contains(ce::to_json_batch(std::vector{stored, stored}), "},{"));
}

TEST_CASE("cloudevents: a batch is an array of events, all of them good", "[cloudevents][core]") {
  CHECK(ce::from_json_batch("[]").empty());
  CHECK(ce::from_json_batch(" [ ] ").empty());
  CHECK(ce::to_json_batch(std::vector<must::cloud_event>{}) == "[]");
  CHECK(ce::to_json_batch(std::vector<must::cloud_event>{}, 2) == "[]");
  std::vector<must::cloud_event> events{event_with(), event_with({"text/plain", "x"})};
  CHECK(ce::to_json_batch(events) == "[" + with("") + "," + with(R"("datacontenttype":"text/plain","data":"x")") + "]");
  for (const int indent : {-1, 0, 2}) CHECK((ce::from_json_batch(ce::to_json_batch(events, indent)) == events));
  CHECK(ce::to_json_batch(events, 2) == nlohmann::ordered_json::parse(ce::to_json_batch(events)).dump(2));

  const auto why = why_not([&] {
    return std::to_string(ce::from_json_batch("[" + with("") + "," + with("\"subject\":\"\"") + "]").size());
  });
  CHECK(why.field == "subject");
  CHECK(why.message == "element 1 of the batch: subject is empty");
  for (const char* bad : {"{}", "null", "[1]", "[null]", "[[]]", "[", "", "[{}]"})
    CHECK_THROWS_AS(ce::from_json_batch(bad), must::bad_input);
  events[1].type.clear();
  CHECK(why_not([&] { return ce::to_json_batch(events); }).message == "element 1 of the batch: type is empty");
}

TEST_CASE("cloudevents: random events come back as they were", "[cloudevents][core]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const auto below = [&](std::uint32_t bound) { return static_cast<std::size_t>(random() % bound); };
  const auto text = [&](bool barred) {
    std::string out;
    for (std::size_t length = 1 + below(8); length > 0;) {
      const std::uint32_t code =
          below(4) == 0 ? static_cast<std::uint32_t>(below(0x110000)) : static_cast<std::uint32_t>(below(0x100));
      if ((code >= 0xD800 && code < 0xE000) || (!barred && must::detail::text::is_barred_character(code))) continue;
      must::detail::text::append_utf8(out, code);
      --length;
    }
    return out;
  };
  const auto bytes = [&] {
    std::string out;
    for (std::size_t length = below(12); length > 0; --length)
      out += static_cast<char>(static_cast<unsigned char>(below(256)));
    return out;
  };
  const auto data = [&]() -> must::payload {
    switch (below(6)) {
      case 0: return must::payload::absent(below(2) == 0 ? "" : "text/plain");
      case 1: return must::payload::null("application/json");
      case 2:
        return {"application/json", nlohmann::json{{"a", {static_cast<double>(below(1000)) / 7, text(true)}}}.dump()};
      case 3: return {"text/plain", text(true)};
      case 4: return must::payload::erased({below(2) == 0 ? "" : text(false), {.microseconds = 5, .digits = 6}}, "a/b");
      default: return {below(2) == 0 ? "" : "application/octet-stream", bytes()};
    }
  };
  for (int i = 0; i < 3'000; ++i) {
    must::recorded<must::payload> event;
    event.id = text(false);
    event.source = "/s/" + std::to_string(below(10));
    event.type = text(false);
    if (below(2) == 0) event.subject = text(false), event.version = must::version(1 + below(10));
    if (below(2) == 0)
      event.time = must::timestamp{.microseconds = static_cast<std::int64_t>(random()) * 1'000'003, .digits = 6};
    for (std::size_t n = below(4); n > 0; --n) event.tags.insert(text(true));
    if (below(2) == 0) event.extensions["x" + std::to_string(below(5))] = text(false);
    if (below(2) == 0) event.extensions["n"] = static_cast<std::int32_t>(random());
    if (below(2) == 0) event.extensions["b"] = below(2) == 0;
    event.position = random();
    event.recorded_at = {.microseconds = static_cast<std::int64_t>(random()), .digits = 6};
    event.data = data();
    const auto written = ce::to_json(event, static_cast<int>(below(4)) - 1);
    INFO(written);
    REQUIRE(nlohmann::json::accept(written));
    const auto read = ce::recorded_from_json(written);
    REQUIRE((read == event));
    const must::cloud_event plain = event;
    REQUIRE((ce::from_json(ce::to_json(plain)) == plain));
  }
}

namespace {

// Nothing where it gives up: at a number that no double can hold, which is JSON all the same (RFC 8259, section 6).
std::optional<bool> nlohmann_accepts(const std::string& text) {
  try {
    const auto parsed = nlohmann::json::parse(text);
    return true;
  } catch (const nlohmann::json::out_of_range&) {
    return std::nullopt;
  } catch (const nlohmann::json::exception&) {
    return false;
  }
}

}  // namespace

TEST_CASE("cloudevents: the check of JSON agrees with nlohmann_json on mangled documents", "[cloudevents][core]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const std::string whole = with(R"( "n":-12 ,"data":{"a":[1.5e3,"\u00e9\"",true,null, {},[] ],"b":0.0,"c":-1E-2})");
  constexpr std::string_view pieces = "{}[]\",:0123456789-+.eE\\utrfn \t\n\x80\xC3";
  for (int i = 0; i < 20'000; ++i) {
    auto text = whole;
    for (auto changes = 1 + random() % 3; changes > 0; --changes) {
      const auto at = random() % text.size();
      const char piece = pieces[random() % pieces.size()];
      if (const auto how = random() % 3; how == 0)
        text[at] = piece;
      else if (how == 1)
        text.insert(at, 1, piece);
      else
        text.erase(at, 1);
    }
    const auto flaw = must::detail::text::json_flaw(text);
    if (flaw && contains(*flaw, "twice")) continue;
    INFO(text);
    INFO(flaw.value_or("no flaw"));
    if (const auto accepted = nlohmann_accepts(text)) REQUIRE(!flaw == *accepted);
  }
}

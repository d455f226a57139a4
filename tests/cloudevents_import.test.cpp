// SPDX-License-Identifier: MIT
// Events of other systems in a store, and out of it again: nothing is changed, and nothing that is allowed is refused.
#include "must/cloudevents.hpp"

#include "must/error.hpp"
#include "must/storage/memory.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace ce = must::cloudevents;

namespace {

std::string with(const std::string& more) {
  return R"({"specversion":"1.0","id":"1","source":"/s","type":"t",)" + more + "}";
}
// The event as a store gives it back.
must::recorded<must::payload> stored(must::cloud_event event) {
  must::memory_store<> store;
  static_cast<void>(store.append(std::span(&event, 1), {}));
  return store.find("/s", "1").value();
}
std::string tags_document(int count, bool falling) {
  std::string tags = "[";
  for (int i = 0; i < count; ++i) {
    const auto number = std::to_string(1'000'000 + (falling ? count - i : i));
    tags += (i > 0 ? R"(,\"t)" : R"(\"t)") + number + R"(\")";
  }
  return with("\"musttags\":\"" + tags + "]\"");
}

}  // namespace

TEST_CASE("cloudevents: a store takes the extensions of CloudEvents' own registry, and gives them back",
          "[cloudevents][core]") {
  const auto event = ce::from_json(with(
      R"("sequence":"abc","recordedtime":"2018-04-05T17:31:00Z","streamversion":"9","sequencetype":"Integer","partitionkey":"p","traceparent":"00-1","dataref":"x","expirytime":"2030-01-01T00:00:00Z","originsequence":"o")"));
  const auto found = stored(event);
  CHECK(found.extensions == event.extensions);
  const auto exported = ce::to_json(found);
  const auto read = ce::from_json(exported);
  CHECK(read.extensions.at("sequence") == must::attribute_value("00000000000000000001"));
  CHECK(read.extensions.at("originsequence") == must::attribute_value("abc"));
  CHECK(read.extensions.at("originstreamversion") == must::attribute_value("9"));
  CHECK(read.extensions.at("originrecordedtime") == must::attribute_value("2018-04-05T17:31:00Z"));
  CHECK(read.extensions.at("originoriginsequence") == must::attribute_value("o"));
  CHECK((ce::recorded_from_json(exported) == found));
  // From one store of must into the next, and out again.
  const auto second = stored(read);
  CHECK((ce::recorded_from_json(ce::to_json(second)) == second));
}

TEST_CASE("cloudevents: whatever bytes a store has, an export of them can be imported as the same event",
          "[cloudevents][core]") {
  const std::string utf16("\xFE\xFF\0{\0\"\0a\0\"\0:\0\x31\0}", 16);
  for (const char* type : {"application/json", "application/json; charset=utf-16", "text/plain; charset=\"UTF-16\"",
                           "a/b+json", "text/plain", "application/xml", "application/octet-stream", ""})
    for (const std::string& bytes :
         {std::string("{ \"a\" : 1 }"), std::string("{\"a\":1}"), std::string("{"), std::string(), std::string("null"),
          std::string(" 1"), std::string("\xff\x00", 2), utf16, std::string("{\"a\":1,\"a\":1}"),
          std::string("\"\x01\""), std::string(600, '['), std::string("a\0b", 3)})
      for (const int indent : {-1, 2}) {
        CAPTURE(type, bytes);
        must::cloud_event event{.id = "1", .source = "/s", .type = "t", .data = must::payload(type, bytes)};
        const auto found = stored(event);
        CHECK((ce::from_json(ce::to_json(event, indent)) == event));
        CHECK((ce::recorded_from_json(ce::to_json(found, indent)) == found));
        // The same event again: no conflict of contents.
        must::memory_store<> store;
        auto again = ce::from_json(ce::to_json(event, indent));
        static_cast<void>(store.append(std::span(&event, 1), {}));
        CHECK_NOTHROW(store.append(std::span(&again, 1), {}));
        CHECK(store.head() == 1);
      }
}

TEST_CASE("cloudevents: text that is not UTF-8 is exported in base64, though its bytes may look like UTF-8",
          "[cloudevents][core]") {
  const must::payload wide("text/plain; charset=utf-16le", std::string("h\0i\0", 4));
  CHECK(ce::to_json(must::cloud_event{.id = "1", .source = "/s", .type = "t", .data = wide}).find("data_base64") !=
        std::string::npos);
}

TEST_CASE("cloudevents: tags in falling order cost no more than a few times those in rising order",
          "[cloudevents][core]") {
  const auto time_of = [](bool falling) {
    const auto document = tags_document(60'000, falling);
    const auto start = std::chrono::steady_clock::now();
    const auto event = ce::from_json(document);
    CHECK(event.tags.size() == 60'000);
    return std::chrono::steady_clock::now() - start;
  };
  auto falling = time_of(true), rising = time_of(false);
  for (int i = 0; i < 4; ++i) {  // The shortest of five each: what else the machine does only adds to a time.
    falling = std::min(falling, time_of(true));
    rising = std::min(rising, time_of(false));
  }
  CHECK(falling < 20 * rising);
}

TEST_CASE("tag_set: is the same set whatever the order of what it is made of", "[core]") {
  std::vector<std::string> tags;
  for (std::size_t i = 0; i < 100; ++i) tags.push_back("t" + std::to_string(i * 7919 % 50));
  const must::tag_set made(tags);
  CHECK(made.size() == 50);
  CHECK(std::is_sorted(made.begin(), made.end()));
  must::tag_set one_by_one;
  for (const auto& tag : tags) one_by_one.insert(tag);
  CHECK(made == one_by_one);
}

// SPDX-License-Identifier: MIT
// payload, tag_set, metadata, basic_event, recorded, and the ids of events.
#include "must/record.hpp"
#include "must/metadata.hpp"
#include "must/one_of.hpp"
#include "must/uuid.hpp"

#include "support/catch.hpp"

#include <sys/wait.h>
#include <unistd.h>
#include <set>
#include <string>
#include <thread>
#include <variant>
#include <vector>

using must::payload;

TEST_CASE("payload: absent, null, present and erased differ", "[record][core]") {
  const payload absent, null = payload::null(), empty("", ""), gone = payload::erased({"gdpr", {.microseconds = 5}});
  CHECK(absent.state() == payload::kind::absent);
  CHECK(null.state() == payload::kind::null);
  CHECK(empty.state() == payload::kind::present);
  CHECK(gone.state() == payload::kind::erased);

  const std::vector<payload> all{absent, null, empty, gone};
  for (std::size_t i = 0; i < all.size(); ++i)
    for (std::size_t j = 0; j < all.size(); ++j) CHECK((all[i] == all[j]) == (i == j));
  for (const auto& data : all) CHECK(data.is_present() == (&data == &all[2]));
}

TEST_CASE("payload: keeps its content type in every state, and bytes when present", "[record][core]") {
  const std::string bytes("a\0b", 3);
  CHECK(payload("text/plain", bytes).bytes() == bytes);
  CHECK(payload("text/plain", bytes).content_type() == "text/plain");
  CHECK(payload::absent("text/plain").content_type() == "text/plain");
  CHECK(payload::null("text/plain").content_type() == "text/plain");
  CHECK(payload::erased({}, "text/plain").content_type() == "text/plain");
  CHECK(payload::absent("text/plain") != payload());
  CHECK(payload::null().bytes().empty());
}

TEST_CASE("payload: an erased one tells why and when, and has no bytes", "[record][core]") {
  const auto gone = payload::erased({"on request", {.microseconds = 7}}, "text/plain");
  CHECK(gone.bytes().empty());
  REQUIRE(gone.erased_how());
  CHECK(gone.erased_how()->why == "on request");
  CHECK(gone.erased_how()->when.microseconds == 7);
  CHECK_FALSE(payload("text/plain", "on request").erased_how());
  CHECK(gone != payload::erased({"on request", {.microseconds = 8}}, "text/plain"));
}

TEST_CASE("tag_set: is a set in bytewise order", "[record][core]") {
  must::tag_set tags{"b", "a", "b", "\xC3\xA9", "Z"};
  CHECK(std::vector<std::string>(tags.begin(), tags.end()) == std::vector<std::string>{"Z", "a", "b", "\xC3\xA9"});
  CHECK(tags == must::tag_set{"a", "\xC3\xA9", "Z", "b"});
  CHECK(tags.size() == 4);
  tags.insert("a");
  CHECK(tags.size() == 4);
  CHECK(tags.contains("a"));
  CHECK_FALSE(tags.contains("c"));
  CHECK_FALSE(tags.contains(""));
  CHECK(must::tag_set{}.empty());
  CHECK_FALSE(must::tag_set{}.contains("a"));
  CHECK(must::tag_set(std::vector<std::string>{"x", "x"}).size() == 1);
}

TEST_CASE("metadata: holds values of every type by name", "[record][core]") {
  const must::metadata data{{"correlationid", std::string("r-17")}, {"n", 5}, {"ok", true}};
  CHECK(data.entries.size() == 3);
  CHECK(std::get<std::string>(data.entries.at("correlationid")) == "r-17");
  CHECK(std::get<std::int32_t>(data.entries.at("n")) == 5);
  CHECK(std::get<bool>(data.entries.at("ok")));
  CHECK(must::metadata(must::attributes{{"a", 1}}).entries.size() == 1);
}

TEST_CASE("metadata: a literal is a string, not a boolean", "[record][core]") {
  const must::metadata data{{"correlationid", "r-17"}};
  CHECK(std::holds_alternative<std::string>(data.entries.at("correlationid")));
}

TEST_CASE("basic_event: compares all of itself, if its data compares", "[record][core]") {
  struct plain {};
  must::cloud_event event;
  event.id = "1";
  auto other = event;
  CHECK(event == other);
  other.tags.insert("t");
  CHECK_FALSE(event == other);
  must::recorded<payload> stored{event, 1, 1, {}}, later{event, 2, 1, {}};
  CHECK(stored == stored);
  CHECK_FALSE(stored == later);
  must::basic_event<must::one_of<plain>> incomparable;
  incomparable.id = "2";
  CHECK(incomparable.id == "2");
}

TEST_CASE("uuid7_ids: an id is a UUID of version 7 that starts with the time", "[record][core]") {
  auto& ids = must::uuid7_ids::instance();
  const must::timestamp when{.microseconds = 0x0123'4567'89AB * std::int64_t{1'000}};
  const auto id = ids.next(when);
  REQUIRE(id.size() == 36);
  CHECK(id.substr(0, 15) == "01234567-89ab-7");
  for (std::size_t i = 0; i < id.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    CHECK((dash ? id[i] == '-' : std::string_view("0123456789abcdef").find(id[i]) != std::string_view::npos));
  }
  CHECK(std::string_view("89ab").find(id[19]) != std::string_view::npos);
  CHECK(ids.next(when) < ids.next({.microseconds = when.microseconds + 1'000}));
}

TEST_CASE("uuid7_ids: ids differ, over threads too", "[record][core]") {
  std::vector<std::vector<std::string>> drawn(4);
  {
    std::vector<std::jthread> threads;
    for (auto& mine : drawn)
      threads.emplace_back([&mine] {
        for (int i = 0; i < 5'000; ++i) mine.push_back(must::uuid7_ids::instance().next({}));
      });
  }
  std::set<std::string> all;
  for (const auto& mine : drawn) all.insert(mine.begin(), mine.end());
  CHECK(all.size() == 20'000);
}

TEST_CASE("uuid7_ids: a forked child does not draw the ids of its parent", "[record][core]") {
  static_cast<void>(must::uuid7_ids::instance().next({}));
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const auto id = must::uuid7_ids::instance().next({});
    ::_exit(::write(ends[1], id.data(), id.size()) == 36 ? 0 : 1);
  }
  const auto mine = must::uuid7_ids::instance().next({});
  std::string theirs(36, '?');
  CHECK(::read(ends[0], theirs.data(), theirs.size()) == 36);
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(status == 0);
  CHECK(theirs != mine);
  ::close(ends[0]);
  ::close(ends[1]);
}

// SPDX-License-Identifier: MIT
// On each store, what an append takes can be read again, and what could not be is refused by its name.
#include "must/cloudevents.hpp"
#include "must/must.hpp"
#include "must/storage.hpp"

#include "stores/all.hpp"
#include "support/catch.hpp"
#include "support/error_of.hpp"

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace {

struct attempt {
  std::string field;  // What is refused, or nothing.
  std::function<void(must::cloud_event&)> change;
};

must::timestamp made(std::int64_t microseconds, std::uint32_t femtoseconds, std::int16_t offset, std::uint8_t digits,
                     must::timestamp::notation written = must::timestamp::notation::z) {
  return {.microseconds = microseconds,
          .femtoseconds_of_billion = femtoseconds,
          .offset_minutes = offset,
          .digits = digits,
          .written = written};
}
std::vector<attempt> attempts() {
  using must::payload;
  using notation = must::timestamp::notation;
  const auto at = [](const char* text) { return must::timestamp::parse(text).value(); };
  const std::string zero("a/b\0c", 5);
  return {
      {"time", [](auto& e) { e.time = made(INT64_MAX, 0, 0, 6); }},
      {"time", [](auto& e) { e.time = made(INT64_MIN, 0, 0, 6); }},
      {"time", [](auto& e) { e.time = made(253'402'300'800'000'000, 0, 0, 6); }},
      {"time", [](auto& e) { e.time = made(5, 1'000'000'000, 0, 15); }},
      {"time", [](auto& e) { e.time = made(5, 0, 1'440, 6, notation::numeric); }},
      {"time", [](auto& e) { e.time = made(5, 0, -1'440, 6, notation::numeric); }},
      {"time", [](auto& e) { e.time = made(5, 0, 0, 16); }},
      {"time", [](auto& e) { e.time = made(5, 0, 0, 6, static_cast<notation>(6)); }},
      {"extension", [](auto& e) { e.extensions["x"] = made(5, 0, 32'767, 6, notation::numeric); }},
      {"extension", [](auto& e) { e.extensions["mustx"] = made(5, 0, 0, 200); }},
      {"erased", [](auto& e) { e.data = payload::erased({"gone", made(5, 0, 5'000, 6, notation::numeric)}); }},
      {"erased", [](auto& e) { e.data = payload::erased({"\xFF", {}}); }},
      {"erased", [](auto& e) { e.data = payload::erased({"a\nb", {}}); }},
      {"datacontenttype", [](auto& e) { e.data = payload("text", "x"); }},
      {"datacontenttype", [](auto& e) { e.data = payload::null("a/\xFF"); }},
      {"datacontenttype", [zero](auto& e) { e.data = payload::absent(zero); }},
      {"dataschema", [](auto& e) { e.dataschema = "schema"; }},
      {"dataschema", [](auto& e) { e.dataschema = "urn:\xFF"; }},
      {"", [at](auto& e) { e.time = at("0000-01-01T00:00:00+23:59"); }},
      {"", [at](auto& e) { e.time = at("9999-12-31T23:59:59.999999999999999-23:59"); }},
      {"", [at](auto& e) { e.time = at("2016-12-31T23:59:60Z"); }},
      {"", [at](auto& e) { e.extensions["x"] = at("1969-12-31T23:59:59.1-00:00"); }},
      {"", [at](auto& e) { e.data = payload::erased({"gone", at("2024-02-29T00:00:00+05:30")}, "a/b"); }},
      {"", [](auto& e) { e.data = payload::erased({}); }},
      {"", [](auto& e) { e.data = payload("application/json; charset=utf-16", "\xFF\xFE"); }},
      {"", [](auto& e) { e.data = payload("multipart/mixed;boundary=\"a b\"", {"\0", 1}); }},
      {"", [](auto& e) { e.data = payload("", "x"), e.dataschema = "urn:x"; }},
  };
}

}  // namespace

EACH_STORE_TEST_CASE(with_payloads, "storage: what each store takes it can show and export, and the rest is refused",
                     "[storage]") {
  Store fixture;
  auto& store = fixture.store();
  std::vector<must::cloud_event> taken;
  int number = 0;
  for (const auto& one : attempts()) {
    INFO("attempt " << number);
    must::cloud_event event{.id = std::to_string(++number), .source = "/test", .type = "x", .subject = "s"};
    one.change(event);
    auto sent = event;
    if (one.field.empty()) {
      CHECK(store.append(std::span(&sent, 1), {}).stored());
      taken.push_back(event);
      continue;
    }
    const auto why = must_test::error_of([&] { static_cast<void>(store.append(std::span(&sent, 1), {})); });
    CHECK(why.code == must::error_code::bad_input);
    CHECK(why.field == one.field);
  }
  std::size_t next = 0;
  for (const auto& record : must::events_in(store, must::query::all())) {
    REQUIRE(next < taken.size());
    INFO("id " << record.id);
    const must::cloud_event& event = record;
    CHECK(event == taken[next++]);
    const auto again = must::cloudevents::from_json(must::cloudevents::to_json(event));
    if (event.extensions.empty()) CHECK(again == event);  // JSON does not tell that an extension is a time.
  }
  CHECK(next == taken.size());
}

EACH_STORE_TEST_CASE(with_cells,
                     "storage: on each store a cell that is put at a revision beyond every other stays as it is",
                     "[storage]") {
  Store fixture;
  auto& store = fixture.store();
  REQUIRE(store.put("key", "1", 0));
  for (const std::uint64_t beyond : {std::uint64_t{1} << 63U, (std::uint64_t{1} << 63U) - 1, UINT64_MAX}) {
    CHECK_FALSE(store.put("key", "2", beyond));
    CHECK_FALSE(store.put("none", "2", beyond));
  }
  CHECK(store.get("key")->bytes == "1");
  CHECK_FALSE(store.get("none").has_value());
}

EACH_STORE_TEST_CASE(with_cells, "storage: on each store cells are listed by any bytes that their keys start with",
                     "[storage]") {
  using keys = std::vector<std::string>;
  Store fixture;
  auto& store = fixture.store();
  for (const auto* key : {"a", "\xC3\xA4/1", "\xC3\xB6", "\xF0\x9F\x98\x80"}) REQUIRE(store.put(key, "", 0));
  CHECK(store.list("\xC3") == keys{"\xC3\xA4/1", "\xC3\xB6"});
  CHECK(store.list("\xC3\xA4") == keys{"\xC3\xA4/1"});
  CHECK(store.list("\xF0\x9F\x98") == keys{"\xF0\x9F\x98\x80"});
  for (const auto* none : {"\xC3\xC3", "\xA4", "\xFF", "\xFF\xFF\xFF\xFF\xFF", "a\xC3"})
    CHECK(store.list(none).empty());
}

EACH_STORE_TEST_CASE(with_cells, "storage: on each store an item of a batch may have seen an event of an earlier item",
                     "[storage]") {
  Store fixture;
  auto& store = fixture.store();
  must::cloud_event first{.id = "1", .source = "/test", .type = "x"}, second = first, third = first;
  second.id = "2", third.id = "3";
  const auto at = store.head() + 1;
  std::vector<must::batch_item<must::payload>> items{
      {std::span(&first, 1), {}},
      {std::span(&second, 1), {.seen = {{at, "/test", "1"}}}},
      {std::span(&third, 1), {.seen = {{at + 1, "/test", "1"}}}},
  };
  const auto done = store.append_batch(items);
  REQUIRE(done.size() == 3);
  CHECK((done[0] && done[0]->stored()));
  CHECK((done[1] && done[1]->stored()));
  REQUIRE(done[2]);
  REQUIRE_FALSE(done[2]->stored());
  CHECK(done[2]->why().failed == must::conflict::part::history);
}

TEST_CASE("storage: a stream whose name is longer than by default, where the limits allow it, has a version",
          "[storage]") {
  const auto check = [](auto& store) {
    const std::string name(900, 's');
    must::cloud_event event{.id = "1", .source = "/test", .type = "x", .subject = name};
    REQUIRE(store.append(std::span(&event, 1), {}).stored());
    CHECK(store.version(name) == 1);
    CHECK(must::events_in(store, must::query::of_stream(name), must::as_of::version(1)).size() == 1);
    CHECK_THROWS_AS(store.version(std::string(1'001, 's')), must::bad_input);
  };
  const must::limits wide{.name_bytes = 1'000};
  must::memory_store<> memory({}, wide);
  check(memory);
#ifndef MUST_TESTS_WITHOUT_SQLITE
  must::sqlite_store sqlite({.mode = must::sqlite_mode::in_memory, .limits = wide});
  check(sqlite);
#endif
#ifndef MUST_TESTS_WITHOUT_POSTGRES
  if (!must_test::has_postgres()) return;
  const must_test::scratch_schema schema;
  auto options = must_test::options_for(schema.name);
  options.limits = wide;
  must::postgres_store postgres(options);
  check(postgres);
#endif
}

// SPDX-License-Identifier: MIT
// Which values metadata takes, and as what it records them.
#include "must/must.hpp"
#include "must/storage/memory.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

struct Noted {
  static constexpr auto type = "Noted";
};
struct Note {
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  Noted be_translated_to_events() const { return {}; }
};

must::attribute_value recorded_as(const must::metadata& about) {
  must::memory_store<Noted> store;
  must::process_command(Note{}, store, about);
  return must::events_in(store, must::query::all()).at(0).extensions.at("a");
}

}  // namespace

TEST_CASE("metadata: integers beyond 32 bits are recorded as their decimal text", "[core]") {
  CHECK(recorded_as({{"a", std::int64_t{-9'007'199'254'740'993}}}) ==
        must::attribute_value(std::string("-9007199254740993")));
  CHECK(recorded_as({{"a", UINT64_MAX}}) == must::attribute_value(std::string("18446744073709551615")));
  CHECK(recorded_as({{"a", 4'000'000'000U}}) == must::attribute_value(std::string("4000000000")));
  CHECK(recorded_as({{"a", std::int64_t{7}}}) == must::attribute_value(std::string("7")));
}

TEST_CASE("metadata: smaller integers, texts and bool stay what they are", "[core]") {
  CHECK(recorded_as({{"a", -7}}) == must::attribute_value(std::int32_t{-7}));
  CHECK(recorded_as({{"a", std::uint16_t{65'535}}}) == must::attribute_value(std::int32_t{65'535}));
  CHECK(recorded_as({{"a", true}}) == must::attribute_value(true));
  CHECK(recorded_as({{"a", "text"}}) == must::attribute_value(std::string("text")));
  CHECK(recorded_as({{"a", std::string_view("text")}}) == must::attribute_value(std::string("text")));
  CHECK(recorded_as({{"a", must::attribute_value(must::uri{"x:y"})}}) == must::attribute_value(must::uri{"x:y"}));
}

TEST_CASE("metadata: a time point is recorded as a timestamp with the canonical text", "[core]") {
  using namespace std::chrono;
  const auto text_of = [](const must::metadata& about) {
    const auto value = recorded_as(about);
    return std::get<must::timestamp>(value).to_string();
  };
  CHECK(text_of({{"a", system_clock::time_point(seconds(1))}}) == "1970-01-01T00:00:01.000000000Z");
  CHECK(text_of({{"a", time_point<system_clock, nanoseconds>(nanoseconds(-1))}}) == "1969-12-31T23:59:59.999999999Z");
  CHECK(text_of({{"a", time_point<system_clock, milliseconds>(milliseconds(1'700'000'000'123))}}) ==
        "2023-11-14T22:13:20.123000Z");
}

TEST_CASE("metadata: of a name that stands twice the first value is recorded", "[core]") {
  CHECK(recorded_as({{"a", 1}, {"a", 2}}) == must::attribute_value(std::int32_t{1}));
}

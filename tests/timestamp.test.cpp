// SPDX-License-Identifier: MIT
// RFC 3339, both ways.
#include "must/timestamp.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <cstdint>
#include <random>
#include <ratio>
#include <string>
#include <type_traits>

namespace {

must::timestamp at(std::string_view text) {
  const auto read = must::timestamp::parse(text);
  INFO(text);
  REQUIRE(read);
  return *read;
}

}  // namespace

TEST_CASE("timestamp: what is written is what was read", "[timestamp][core]") {
  for (const char* text : {"1970-01-01T00:00:00Z",
                           "2018-04-05T17:31:00Z",
                           "2018-04-05T17:31:00.1Z",
                           "2018-04-05T17:31:00.100Z",
                           "2018-04-05T17:31:00.123456789Z",
                           "2018-04-05T17:31:00.123456789012345+05:45",
                           "2018-04-05T17:31:00-00:00",
                           "2018-04-05T17:31:00+00:00",
                           "2018-04-05T17:31:00+23:59",
                           "2018-04-05T17:31:00-23:59",
                           "0000-01-01T00:00:00Z",
                           "0000-01-01T00:00:00+23:59",
                           "9999-12-31T23:59:59.999999999999999-23:59",
                           "1969-12-31T23:59:59.999999999Z",
                           "2000-02-29T00:00:00Z",
                           "2024-02-29T00:00:00Z",
                           "1990-12-31T23:59:60Z",
                           "1990-12-31T15:59:60.5-08:00",
                           "1990-12-31T23:59:60-00:00",
                           "1937-01-01T12:00:27.87+00:20"}) {
    INFO(text);
    CHECK(at(text).to_string() == text);
  }
  CHECK(at("2018-04-05t17:31:00z").to_string() == "2018-04-05T17:31:00Z");
}

TEST_CASE("timestamp: what is not RFC 3339 is refused with a reason", "[timestamp][core]") {
  for (const char* text : {"",
                           "2018",
                           "2018-04-05",
                           "2018-04-05T18:31Z",
                           "2018-04-05T18:31:00",
                           "2018-04-05T18:31:00X",
                           "2018-04-05T18:31:00+25:00",
                           "2018-04-05T18:31:00+xx:00",
                           "2018-04-05T18:31:00+05",
                           "2018-04-05T18:31:00+0500",
                           "2018-04-05T18:31:00+05:60",
                           "2018-04-05T18:31:00.Z",
                           "2018-04-05T18:31:00,5Z",
                           "2018-04-05 18:31:00Z",
                           "2018-13-05T18:31:00Z",
                           "2018-00-05T18:31:00Z",
                           "2018-04-31T18:31:00Z",
                           "2018-04-00T18:31:00Z",
                           "2018-02-29T00:00:00Z",
                           "1900-02-29T00:00:00Z",
                           "2018-04-05T24:00:00Z",
                           "2018-04-05T18:60:00Z",
                           "2018-04-05T18:31:61Z",
                           "2018-04-05T18:31:60Z",
                           "2018-04-05T23:59:60+01:00",
                           "2018-04-05T18:31:00ZZ",
                           "2018-04-05T18:31:00Z ",
                           " 2018-04-05T18:31:00Z",
                           "18-04-05T18:31:00Z",
                           "+2018-04-05T18:31:00Z",
                           "2018-4-5T18:31:00Z",
                           "20180405T183100Z",
                           "2018-04-05T18:31:00.1234567890123456Z",
                           "2018-04-05T1\xD9\xA1:31:00Z",
                           "now"}) {
    INFO(text);
    const auto read = must::timestamp::parse(text);
    REQUIRE_FALSE(read);
    CHECK(read.error().code == must::error_code::bad_input);
    CHECK(read.error().message.find("is not an RFC 3339 timestamp: ") != std::string::npos);
  }
}

TEST_CASE("timestamp: a message shows no more than the start of a text, printable", "[timestamp][core]") {
  const auto read = must::timestamp::parse(std::string(10'000, '\n'));
  REQUIRE_FALSE(read);
  CHECK(read.error().message.size() < 200);
  CHECK(read.error().message.find('\n') == std::string::npos);
}

TEST_CASE("timestamp: compares as an instant", "[timestamp][core]") {
  CHECK(at("2018-04-05T17:31:00Z") == at("2018-04-05T19:31:00.000+02:00"));
  CHECK(at("2018-04-05T17:31:00Z") == at("2018-04-05T17:31:00-00:00"));
  CHECK(at("2018-04-05T17:31:00.000000001Z") > at("2018-04-05T17:31:00Z"));
  CHECK(at("2018-04-05T17:31:00.000000000000001Z") < at("2018-04-05T17:31:00.000000000000002Z"));
  CHECK(at("1969-12-31T23:59:59.9999999Z") < at("1970-01-01T00:00:00Z"));
  CHECK(at("1969-12-31T23:59:59.9999999Z") > at("1969-12-31T23:59:59.9999998Z"));
  CHECK(at("1990-12-31T23:59:60Z") == at("1990-12-31T15:59:60-08:00"));
}

TEST_CASE("timestamp: counts microseconds since 1970", "[timestamp][core]") {
  CHECK(at("1970-01-01T00:00:00Z").microseconds == 0);
  CHECK(at("1970-01-01T01:00:00.000001+01:00").microseconds == 1);
  CHECK(at("2000-01-01T00:00:00Z").microseconds == 946'684'800'000'000);
  CHECK(at("1969-12-31T23:59:59Z").microseconds == -1'000'000);
  CHECK(at("0000-01-01T00:00:00Z").microseconds == -62'167'219'200'000'000);
  CHECK(must::timestamp{.microseconds = 1'522'949'460'000'001, .digits = 6}.to_string() ==
        "2018-04-05T17:31:00.000001Z");
}

TEST_CASE("timestamp: every instant of ten thousand years comes back", "[timestamp][core]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  std::uniform_int_distribution<std::int64_t> instants(at("0001-01-01T00:00:00Z").microseconds,
                                                       at("9999-12-30T23:59:59Z").microseconds);
  std::uniform_int_distribution<int> offsets(-1439, 1439);
  for (int i = 0; i < 20'000; ++i) {
    must::timestamp made{.microseconds = instants(random), .digits = 6};
    if (i % 2 == 0) {
      made.offset_minutes = static_cast<std::int16_t>(offsets(random));
      made.written = must::timestamp::notation::numeric;
    }
    const auto text = made.to_string();
    INFO(text);
    const auto read = must::timestamp::parse(text);
    REQUIRE(read);
    REQUIRE(*read == made);
    REQUIRE(read->to_string() == text);
  }
}

TEST_CASE("timestamp: a cut text is never read as another instant", "[timestamp][core]") {
  const std::string whole = "2018-04-05T17:31:00.5+01:00";
  for (std::size_t length = 0; length < whole.size(); ++length) {
    INFO(length);
    CHECK_FALSE(must::timestamp::parse(std::string_view(whole).substr(0, length)));
  }
}

TEST_CASE("duration: is made of any std::chrono::duration, without overflow", "[timestamp][core]") {
  CHECK(must::duration(std::chrono::seconds(2)).microseconds == 2'000'000);
  CHECK(must::duration(std::chrono::nanoseconds(1'999)).microseconds == 1);
  CHECK(must::duration(std::chrono::duration<double>(0.5)).microseconds == 500'000);
  CHECK(must::duration(std::chrono::microseconds::max()).microseconds == INT64_MAX);
  CHECK(must::duration(std::chrono::hours::max()).microseconds == INT64_MAX);
  CHECK(must::duration(std::chrono::hours::min()).microseconds == INT64_MIN);
}

TEST_CASE("duration: converts to any std::chrono::duration, without overflow", "[timestamp][core]") {
  using namespace std::chrono_literals;
  const must::duration span = 90'061'001'999us;
  const std::chrono::microseconds whole = span;
  CHECK(whole == 90'061'001'999us);
  CHECK(std::chrono::nanoseconds(span) == 90'061'001'999'000ns);
  CHECK(std::chrono::milliseconds(span) == 90'061'001ms);
  CHECK(std::chrono::seconds(must::duration(-1'999'999us)) == -1s);
  CHECK(std::chrono::hours(span) == 25h);
  CHECK(std::chrono::duration<double>(must::duration(1'500ms)).count() == 1.5);
  CHECK(std::chrono::duration<std::int64_t, std::ratio<1, 3>>(must::duration(2s)).count() == 6);

  const must::duration longest(INT64_MAX), lowest(INT64_MIN);
  CHECK(std::chrono::microseconds(longest) == std::chrono::microseconds::max());
  CHECK(std::chrono::microseconds(lowest) == std::chrono::microseconds::min());
  CHECK(std::chrono::nanoseconds(longest) == std::chrono::nanoseconds::max());
  CHECK(std::chrono::nanoseconds(lowest) == std::chrono::nanoseconds::min());
  CHECK(std::chrono::nanoseconds(must::duration(9'223'372'036'854'775)).count() == 9'223'372'036'854'775'000);
  CHECK(std::chrono::milliseconds(longest).count() == INT64_MAX / 1'000);
  CHECK(std::chrono::seconds(longest).count() == INT64_MAX / 1'000'000);
  CHECK(std::chrono::hours(longest).count() == INT64_MAX / 3'600'000'000);
  CHECK(std::chrono::duration<std::int16_t>(must::duration(24h)).count() == INT16_MAX);
  CHECK(must::duration(std::chrono::milliseconds(must::duration(5ms))) == 5ms);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<must::duration, std::int64_t>);
}

TEST_CASE("system_clock: tells the time of the machine with six digits", "[timestamp][core]") {
  const auto before = std::chrono::system_clock::now().time_since_epoch();
  const auto now = must::system_clock::instance().now();
  const auto after = std::chrono::system_clock::now().time_since_epoch();
  CHECK(now.microseconds >= std::chrono::duration_cast<std::chrono::microseconds>(before).count());
  CHECK(now.microseconds <= std::chrono::duration_cast<std::chrono::microseconds>(after).count());
  CHECK(now.to_string().size() == std::string_view("2018-04-05T17:31:00.000000Z").size());
}

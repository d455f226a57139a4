// SPDX-License-Identifier: MIT
// version: a type of its own, which numbers become by name alone.
#include "must/stream_version.hpp"
#include "must/codec/json.hpp"
#include "must/detail/digest.hpp"
#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/testing/print.hpp"

#include <nlohmann/json.hpp>
#include "support/catch.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <sstream>
#include <string>
#include <type_traits>
#include <unordered_set>

namespace {

struct rename_page {
  std::string page;
  must::version seen;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(rename_page, page, seen)

struct numbered_page {
  std::string page;
  std::uint64_t seen = 0;
};

template <typename Left, typename Right>
concept Comparable = requires(const Left& left, const Right& right) { left == right; };

}  // namespace

TEST_CASE("version: a position is never taken for one", "[core]") {
  STATIC_REQUIRE_FALSE(std::is_convertible_v<must::position, must::version>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<must::version, must::position>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<std::int64_t, must::version>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<bool, must::version>);
  STATIC_REQUIRE_FALSE(std::is_assignable_v<must::version&, must::position>);
  STATIC_REQUIRE_FALSE(Comparable<must::version, must::position>);
  STATIC_REQUIRE(Comparable<must::version, int>);
  STATIC_REQUIRE(std::is_convertible_v<int, must::version>);
  STATIC_REQUIRE(std::is_constructible_v<must::version, std::uint64_t>);
}

TEST_CASE("version: versions are ordered, counted and hashed by their number", "[core]") {
  constexpr must::version second = 2;
  STATIC_REQUIRE(second == 2);
  STATIC_REQUIRE(second < 3);
  STATIC_REQUIRE(must::version() == 0);
  STATIC_REQUIRE(must::version(UINT64_MAX) > second);
  must::version next = second;
  CHECK(next++ == 2);
  CHECK(next == 3);
  CHECK(++next == must::version(4U));
  CHECK(std::unordered_set<must::version>{second, next, second}.size() == 2);
}

TEST_CASE("version: it is written as its number, in a stream, a message and a failed check", "[core]") {
  const must::version last(UINT64_MAX);
  std::ostringstream out;
  out << must::version(7) << ' ' << last;
  CHECK(out.str() == "7 18446744073709551615");
  CHECK(must::testing::print(must::version(7)) == "7");
  const must::conflict why{
      .failed = must::conflict::part::stream, .stream = "home", .expected = must::version(3), .actual = 4};
  CHECK(must::to_error(why).message == "stream \"home\" is at version 4; the append expected version 3");
  CHECK(must::to_error(why).expected == 3U);
  CHECK(must::to_error(why).actual == 4U);
}

TEST_CASE("version: a command that holds one is read from JSON, and has the digest of its number", "[core]") {
  const auto read = nlohmann::json::parse(R"({"page":"home","seen":18446744073709551615})").get<rename_page>();
  CHECK(read.seen == must::version(UINT64_MAX));
  CHECK(nlohmann::json(rename_page{"home", 3}).dump() == R"({"page":"home","seen":3})");
  CHECK(must::detail::content_digest(rename_page{"home", 3}) == must::detail::content_digest(numbered_page{"home", 3}));
  const auto kept = must::codec<rename_page>::encode({"home", 3});
  CHECK(must::codec<rename_page>::decode(kept).seen == 3);
  CHECK_THROWS_AS(must::codec<rename_page>::decode({"application/json", R"({"page":"home","seen":1.5})"}),
                  must::codec_error);
  CHECK_THROWS_AS(must::codec<rename_page>::decode({"application/json", R"({"page":"home","seen":-1})"}),
                  must::codec_error);
}

// SPDX-License-Identifier: MIT
// result: a value or an error, as std::expected has it.
#include "must/result.hpp"

#include "support/catch.hpp"

#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <string_view>

namespace {

must::result<int> half(int n) {
  if (n % 2 != 0) return must::refuse("odd");
  return n / 2;
}

}  // namespace

TEST_CASE("result: holds a value or an error, and compares by it", "[core]") {
  CHECK(half(4).has_value());
  CHECK(*half(4) == 2);
  CHECK(half(4) == half(4));
  CHECK_FALSE(half(4) == half(6));
  CHECK_FALSE(half(3));
  CHECK(half(3).error().message == "odd");
  CHECK(half(3) == half(5));
  CHECK(half(3).value_or(7) == 7);
  CHECK(half(8).value_or(7) == 4);
}

TEST_CASE("result: value throws the exception of the error's code", "[core]") {
  CHECK(half(4).value() == 2);
  CHECK_THROWS_AS(half(3).value(), must::invalid);
  const must::result<void> nothing = must::unexpected<must::error>({.code = must::error_code::position_ahead});
  CHECK_THROWS_AS(nothing.value(), must::position_ahead);
}

TEST_CASE("result: and_then and transform go on with a value, and pass an error by", "[core]") {
  CHECK(half(8).and_then(half).value() == 2);
  CHECK(half(6).and_then(half).error().message == "odd");
  CHECK(half(3).and_then(half).error().message == "odd");
  CHECK(half(8).transform([](int n) { return std::to_string(n); }).value() == "4");
  CHECK_FALSE(half(7).transform([](int n) { return std::to_string(n); }));
  int seen = 0;
  const must::result<void> done = half(8).transform([&](int n) { seen = n; });
  CHECK(done);
  CHECK(seen == 4);
  CHECK(done.and_then([] { return half(2); }).value() == 1);
  CHECK(done.transform([] { return 5; }).value() == 5);
  const must::result<void> refused = must::refuse("why");
  CHECK(refused.and_then([] { return half(2); }).error().message == "why");
}

TEST_CASE("result: and_then moves a value that cannot be copied", "[core]") {
  must::result<std::unique_ptr<int>> made = std::make_unique<int>(7);
  const auto read = std::move(made).and_then([](std::unique_ptr<int> held) -> must::result<int> { return *held; });
  CHECK(read.value() == 7);
}

TEST_CASE("error: raise throws the exception that is named like the code, and it carries the error", "[core]") {
  const auto thrown_for = [](must::error_code code) {
    try {
      must::raise({.code = code, .message = "why", .stream = "s"});
    } catch (const must::exception& caught) {
      CHECK(std::string(caught.what()) == "why");
      CHECK(caught.error().stream == "s");
      return caught.error().code;
    }
  };
  using enum must::error_code;
  for (const auto code : {unauthorized, invalid, version_conflict, duplicate_id, duplicate_command, position_ahead,
                          bad_input, codec_error, erased, storage_error, outcome_unknown})
    CHECK(thrown_for(code) == code);
  CHECK_THROWS_AS(must::raise({.code = unauthorized}), must::unauthorized);
  CHECK_THROWS_AS(must::raise({.code = erased}), must::erased);
  CHECK_THROWS_AS(must::raise({.code = outcome_unknown}), must::outcome_unknown);
}

TEST_CASE("error: each code has a name to log, which is that of its exception", "[core]") {
  std::set<std::string_view> names;
  const auto last = static_cast<int>(must::error_code::undeliverable);
  for (int i = 0; i <= last; ++i) {
    const auto name = must::name_of(static_cast<must::error_code>(i));
    CHECK_FALSE(name.empty());
    CHECK(names.insert(name).second);
  }
  CHECK(must::name_of(static_cast<must::error_code>(last + 1)).empty());
  STATIC_REQUIRE(must::name_of(must::error_code::erased) == "erased");
  STATIC_REQUIRE(must::name_of(must::error_code::poison) == "poison");
  STATIC_REQUIRE(must::name_of(must::error_code::undeliverable) == "undeliverable");
}

TEST_CASE("error: who has all names of must at hand writes texts to a stream as ever", "[core]") {
  using namespace must;
  std::ostringstream out;
  const error why{.code = error_code::invalid, .field = "tag"};
  out << "the field " << why.field;
  CHECK(out.str() == "the field tag");
}

// SPDX-License-Identifier: MIT
#include "must/subscription/sure_span.hpp"

#include <catch2/catch.hpp>

#include <chrono>

namespace {

using must::detail::following::sure_span;
using must::detail::following::sure_stretch;
using std::chrono::hours;
using std::chrono::milliseconds;

const auto now = [] { return sure_span::clock::now(); };

TEST_CASE("sure_span: a stretch of fast events ends at once when the lease is lost", "[core]") {
  sure_span span;
  sure_stretch stretch(span, 16);
  span.renew(now() + hours(1));
  for (int i = 0; i < 5; ++i) REQUIRE(stretch.lasts());
  span.end();
  CHECK_FALSE(stretch.lasts());
}

TEST_CASE("sure_span: a stretch does not begin near the end of the span", "[core]") {
  sure_span span;
  sure_stretch stretch(span, 1'000'000'000);
  const auto end = now() + milliseconds(50);
  span.renew(end);
  while (stretch.lasts()) REQUIRE(now() < end + hours(1));
  CHECK(now() >= end);
}

TEST_CASE("sure_span: each read begins with a look at the clock", "[core]") {
  sure_span span;
  sure_stretch stretch(span, 1'000'000'000);
  const auto end = now() + milliseconds(150);
  span.renew(end);
  REQUIRE(stretch.lasts());
  REQUIRE(stretch.lasts());
  while (now() < end) {}
  stretch.begin_read();
  CHECK_FALSE(stretch.lasts());
}

TEST_CASE("sure_span: with one event a look, no event is passed after the span", "[core]") {
  sure_span span;
  sure_stretch stretch(span, 1);
  const auto end = now() + milliseconds(150);
  span.renew(end);
  REQUIRE(stretch.lasts());
  while (now() < end) {}
  CHECK_FALSE(stretch.lasts());
}

}  // namespace

// SPDX-License-Identifier: MIT
// s3_objects against a real server: conditions, races, every byte in a key, a server that is killed, answers that are
// lost.
#include "must/storage/objects/s3.hpp"

#include "servers/http_proxy.hpp"
#include "servers/s3.hpp"
#include "stores/durable_s3.hpp"
#include "support/catch.hpp"
#include "support/error_of.hpp"
#include "support/skip.hpp"

#include <unistd.h>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace {

using must::object_outcome;
using must_test::error_of;
using must_test::http_asked;
using must_test::http_deed;
using must_test::http_proxy;
using must_test::s3_server;

must::s3_objects open_here() { return must::s3_objects(s3_server::instance().options()); }

}  // namespace

TEST_CASE("s3_objects on a server: conditions, ranges, lists and removals are what they say",
          "[storage][s3][servers]") {
  if (!must_test::has_s3()) return;
  auto options = s3_server::instance().options();
  for (const bool signs : {true, false}) {
    options.signs_payload = signs;
    options.prefix += 'x';
    must::s3_objects objects(options);
    const auto first = objects.put_if_absent("log/1", "0123456789");
    REQUIRE(first.outcome == object_outcome::done);
    CHECK(objects.put_if_absent("log/1", "other").outcome == object_outcome::refused);
    CHECK(objects.put_if_match("log/1", "other", "d41d8cd98f00b204e9800998ecf8427e").outcome ==
          object_outcome::refused);
    CHECK(objects.put_if_match("log/2", "other", first.etag).outcome == object_outcome::refused);
    const auto found = objects.get("log/1");
    REQUIRE(found);
    CHECK(found->bytes == "0123456789");
    CHECK(found->size == 10);
    CHECK(found->etag == first.etag);
    const auto second = objects.put_if_match("log/1", "abcdefghij", first.etag);
    REQUIRE(second.outcome == object_outcome::done);
    CHECK(second.etag != first.etag);
    CHECK(objects.put_if_match("log/1", "late", first.etag).outcome == object_outcome::refused);
    CHECK(objects.get("log/1", {2, 3})->bytes == "cde");
    CHECK(objects.get("log/1", {2, 3})->size == 10);
    CHECK(objects.get("log/1", {8, 30})->bytes == "ij");
    CHECK(objects.get("log/1", {5})->bytes == "fghij");
    CHECK(objects.get("log/1", {10, 1})->bytes.empty());
    CHECK(objects.get("log/1", {10, 1})->size == 10);
    CHECK(objects.get("log/1", {1'000, UINT64_MAX})->bytes.empty());
    CHECK(objects.get("log/1", {0, 0})->size == 10);
    CHECK_FALSE(objects.get("log/3"));
    CHECK_FALSE(objects.get("log/3", {1, 1}));
    CHECK_FALSE(objects.get("log/3", {0, 0}));
    CHECK(objects.put_if_absent("log/0", "").outcome == object_outcome::done);
    CHECK(objects.get("log/0")->bytes.empty());
    CHECK(objects.put_if_absent("seg/1", std::string(3U << 20U, '\xfe')).outcome == object_outcome::done);
    CHECK(objects.get("seg/1")->bytes == std::string(3U << 20U, '\xfe'));
    auto page = objects.list("log/");
    REQUIRE(page.objects.size() == 2);
    CHECK(page.complete);
    CHECK(page.objects[0].key == "log/0");
    CHECK(page.objects[1].key == "log/1");
    CHECK(page.objects[1].size == 10);
    CHECK(objects.list("log/", "log/0").objects.size() == 1);
    CHECK(objects.list("log/", "log/1").objects.empty());
    objects.remove("log/1");
    objects.remove("log/1");
    CHECK_FALSE(objects.get("log/1"));
  }
}

TEST_CASE("s3_objects on a server: a key of any bytes comes back as it was", "[storage][s3][servers]") {
  if (!must_test::has_s3()) return;
  auto objects = open_here();
  std::vector<std::string> keys{"cells/a%2Fb%25", "a/-_.%20%"};
  for (const char c : std::string("!'()*,:;=@&$+ #?\"<>[]^`{|}~")) keys.push_back(std::string("odd/x") + c + 'y');
  keys.emplace_back("odd/\xE1\x88\xB4\xF0\x9F\x98\x80");
  for (const auto& key : keys) {
    INFO(key);
    CHECK(objects.put_if_absent(key, key).outcome == object_outcome::done);
    CHECK(objects.put_if_absent(key, "x").outcome == object_outcome::refused);
    CHECK(objects.get(key)->bytes == key);
    const auto page = objects.list(key);
    REQUIRE(page.objects.size() == 1);
    CHECK(page.objects[0].key == key);
  }
}

TEST_CASE("s3_objects on a server: a list of more than a page goes on where it ended", "[storage][s3][servers]") {
  if (!must_test::has_s3()) return;
  auto objects = open_here();
  constexpr int count = 1'050;
  std::atomic<int> stored{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t)
      threads.emplace_back([&, t] {
        for (int i = t; i < count; i += 8)
          stored += objects.put_if_absent("log/" + std::to_string(10'000 + i), "1").outcome == object_outcome::done;
      });
  }
  REQUIRE(stored == count);
  auto page = objects.list("log/");
  CHECK_FALSE(page.complete);
  CHECK(page.objects.size() == 1'000);
  page = objects.list("log/", page.objects.back().key);
  CHECK(page.complete);
  REQUIRE(page.objects.size() == 50);
  CHECK(page.objects.back().key == "log/11049");
}

TEST_CASE("s3_objects on a server: of all that race for a key, one puts it, and its bytes are there",
          "[storage][s3][servers][race]") {
  if (!must_test::has_s3()) return;
  const auto options = s3_server::instance().options();
  must::s3_objects one(options), two(options);
  constexpr int racers = 16, keys = 25;
  for (const bool by_etag : {false, true}) {
    for (int n = 0; n < keys; ++n) {
      const auto key = (by_etag ? "cells/" : "log/") + std::to_string(n);
      const auto etag = by_etag ? one.put_if_absent(key, "begin").etag : std::string();
      std::atomic<int> won{0}, winner{-1}, odd{0};
      {
        std::vector<std::jthread> threads;
        for (int r = 0; r < racers; ++r)
          threads.emplace_back([&, r] {
            auto& objects = r % 2 == 0 ? one : two;
            const auto bytes = "racer " + std::to_string(r);
            const auto put = by_etag ? objects.put_if_match(key, bytes, etag) : objects.put_if_absent(key, bytes);
            if (put.outcome == object_outcome::done)
              ++won, winner = r;
            else if (put.outcome != object_outcome::refused)
              ++odd;
          });
      }
      CHECK(won == 1);
      CHECK(odd == 0);
      CHECK(one.get(key)->bytes == "racer " + std::to_string(winner));
    }
  }
}

TEST_CASE("s3_objects on a server: wrong keys and a missing bucket are told apart", "[storage][s3][servers]") {
  if (!must_test::has_s3()) return;
  auto options = s3_server::instance().options();
  options.bucket = "must-none-" + std::to_string(::getpid());
  must::s3_objects missing(options);
  const auto code_of = [](auto&& call) { return error_of<must::storage_error>(call).backend_code; };
  CHECK(code_of([&] { static_cast<void>(missing.put_if_absent("k", "v")); }) == "NoSuchBucket");
  CHECK(code_of([&] { static_cast<void>(missing.put_if_match("k", "v", "e")); }) == "NoSuchBucket");
  CHECK(code_of([&] { static_cast<void>(missing.get("k")); }) == "NoSuchBucket");
  CHECK(code_of([&] { static_cast<void>(missing.list("k")); }) == "NoSuchBucket");
  CHECK(code_of([&] { missing.remove("k"); }) == "NoSuchBucket");
  if (!s3_server::instance().is_own()) return;
  options = s3_server::instance().options();
  options.credentials = {"AK", "wrong", ""};
  const auto wrong = error_of<must::storage_error>([&] { static_cast<void>(must::s3_objects(options).get("k")); });
  CHECK(wrong.backend_code == "SignatureDoesNotMatch");
  CHECK_FALSE(wrong.retryable);
  CHECK(wrong.message.find("wrong") == std::string::npos);
  options.credentials = {"NOBODY", "SK", ""};
  const auto unknown =
      error_of<must::storage_error>([&] { static_cast<void>(must::s3_objects(options).put_if_absent("k", "v")); });
  CHECK_FALSE(unknown.backend_code.empty());
  CHECK(unknown.message.find("NOBODY") == std::string::npos);
  options = s3_server::instance().options();
  options.region = "eu-west-3";
  CHECK_THROWS_AS(must::s3_objects(options).get("k"), must::storage_error);
}

TEST_CASE("s3_objects on a server: an answer that is lost is unknown, and the object is there or not",
          "[storage][s3][servers]") {
  if (!must_test::has_s3()) return;
  http_proxy proxy([](const http_asked&) { return http_deed(); }, s3_server::instance().endpoint());
  auto options = s3_server::instance().options();
  options.endpoint = proxy.address();
  options.timeout = must::duration(2'000'000);
  options.attempts = 3;
  must::s3_objects objects(options);
  const auto put = [&](http_deed::kind what, const std::string& key, int milliseconds = 0) {
    proxy.follow({.what = what, .milliseconds = milliseconds});
    const auto before = proxy.requests();
    const auto outcome = objects.put_if_absent(key, "v").outcome;
    CHECK(proxy.requests() == before + 1);
    proxy.follow(http_deed());
    return outcome;
  };
  using kind = http_deed::kind;
  CHECK(put(kind::hand_on, "a") == object_outcome::done);
  CHECK(put(kind::lose_answer, "b") == object_outcome::unknown);
  CHECK(objects.get("b")->bytes == "v");
  CHECK(put(kind::end, "c") == object_outcome::unknown);
  CHECK_FALSE(objects.get("c"));
  CHECK(put(kind::hand_on, "d", 2'500) == object_outcome::unknown);

  const std::string large(100'000, 'x');
  REQUIRE(objects.put_if_absent("large", large).outcome == object_outcome::done);
  for (const auto bad : {kind::cut_answer, kind::shorten_answer}) {
    proxy.follow({.what = bad, .rest = 50'000});
    CHECK(error_of<must::storage_error>([&] { static_cast<void>(objects.get("large")); }).retryable);
    CHECK(error_of<must::storage_error>([&] { static_cast<void>(objects.get("large", {10, 90'000})); }).retryable);
    proxy.follow({.what = bad, .rest = 300});
    CHECK_THROWS_AS(objects.list(""), must::storage_error);
    proxy.follow(http_deed());
    CHECK(objects.get("large")->bytes == large);
  }
}

TEST_CASE("s3_objects on a server: one that is killed comes back with all that was put", "[storage][s3][servers]") {
  if (!must_test::has_own_s3()) return;
  auto options = s3_server::instance().options();
  options.attempts = 2;
  must::s3_objects objects(options);
  for (int round = 0; round < 3; ++round) {
    std::atomic<bool> ends{false};
    std::atomic<int> stored{0};
    std::vector<std::string> put, unknown;
    std::jthread writes([&] {
      for (int n = 0; !ends; ++n) {
        const auto key = "log/" + std::to_string(round) + '-' + std::to_string(n);
        const auto outcome = objects.put_if_absent(key, key).outcome;
        if (outcome == object_outcome::done) put.push_back(key), ++stored;
        if (outcome == object_outcome::unknown) unknown.push_back(key);
        if (outcome == object_outcome::retry) std::this_thread::yield();
      }
    });
    while (stored < 20) std::this_thread::yield();
    s3_server::instance().own().kill();
    ends = true;
    writes.join();
    s3_server::instance().own().again();
    CHECK_FALSE(put.empty());
    for (const auto& key : put) CHECK(objects.get(key).value_or(must::object{}).bytes == key);
    for (const auto& key : unknown)
      if (const auto found = objects.get(key)) CHECK(found->bytes == key);
  }
}

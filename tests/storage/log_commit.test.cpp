// SPDX-License-Identifier: MIT
// The parts of a log_store: the checksum of a commit, and the cache of commits.
#include "must/detail/crc32c.hpp"
#include "must/storage/log/commit.hpp"
#include "must/storage/log/commit_cache.hpp"

#include "support/catch.hpp"
#include "support/error_of.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

must::recorded<must::payload> event_of_a_commit(std::string id) {
  must::recorded<must::payload> made;
  made.id = std::move(id);
  made.source = "/test";
  made.type = "Noted";
  made.subject = "s";
  made.tags = {"t1", "t2"};
  made.time = must::timestamp{.microseconds = 1, .digits = 6};
  made.data = must::payload("text/plain", "n");
  made.version = 1;
  return made;
}

must::commit sealed_commit() {
  must::commit made{.first = 7, .id = "c", .writer = "w", .time = {.microseconds = 5, .digits = 6}, .appends = {1, 1}};
  made.events = {event_of_a_commit("a"), event_of_a_commit("b")};
  made.events[1].version = 2;
  made.crc = must::crc_of(made);
  return made;
}

}  // namespace

TEST_CASE("crc32c: gives the checksums of RFC 3720", "[storage][log]") {
  using must::detail::crc32c;
  CHECK(crc32c("") == 0);
  CHECK(crc32c("123456789") == 0xE306'9283U);
  CHECK(crc32c(std::string(32, '\0')) == 0x8A91'36AAU);
  CHECK(crc32c(std::string(32, '\xFF')) == 0x62A8'AB43U);
  std::string rising;
  for (char c = 0; c < 32; ++c) rising += c;
  CHECK(crc32c(rising) == 0x46DD'794EU);
}

TEST_CASE("crc32c: at compile time gives what it gives at run time", "[storage][log]") {
  constexpr std::string_view text = "the quick brown fox";
  constexpr auto at_compile_time = must::detail::crc32c(text, 7);
  CHECK(must::detail::crc32c(std::string(text), 7) == at_compile_time);
}

TEST_CASE("crc32c: of bytes in two parts is that of the whole", "[storage][log]") {
  const std::string whole = "the quick brown fox jumps over the lazy dog";
  for (std::size_t cut = 0; cut <= whole.size(); ++cut)
    CHECK(must::detail::crc32c(whole.substr(cut), must::detail::crc32c(whole.substr(0, cut))) ==
          must::detail::crc32c(whole));
}

TEST_CASE("commit: its checksum is the same in every release", "[storage][log]") {
  CHECK(must::crc_of(sealed_commit()) == 0x1EB6'15A1U);
}

TEST_CASE("commit: whatever is changed, its checksum tells", "[storage][log]") {
  using change = std::function<void(must::commit&)>;
  const std::vector<change> changes{[](auto& one) { ++one.first; },
                                    [](auto& one) { one.id = "d"; },
                                    [](auto& one) { one.writer = "v"; },
                                    [](auto& one) { ++one.time.microseconds; },
                                    [](auto& one) { one.appends = {2}; },
                                    [](auto& one) { std::swap(one.events[0], one.events[1]); },
                                    [](auto& one) { one.events[0].version = 2; },
                                    [](auto& one) { one.events[0].id = "z"; },
                                    [](auto& one) { one.events[0].source = "/other"; },
                                    [](auto& one) { one.events[0].type = "Other"; },
                                    [](auto& one) { one.events[0].subject.clear(); },
                                    [](auto& one) { one.events[0].dataschema = "urn:s"; },
                                    [](auto& one) { one.events[0].time->microseconds = 2; },
                                    [](auto& one) { one.events[0].time->digits = 3; },
                                    [](auto& one) { one.events[0].time.reset(); },
                                    [](auto& one) { one.events[0].tags = {"t1t2"}; },
                                    [](auto& one) { one.events[0].extensions["x"] = true; },
                                    [](auto& one) { one.events[0].data = must::payload("text/plain", "m"); },
                                    [](auto& one) { one.events[0].data = must::payload("text/html", "n"); },
                                    [](auto& one) { one.events[0].data = must::payload::null("text/plain"); },
                                    [](auto& one) { one.events[1].tags = {"t1"}; }};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    auto changed = sealed_commit();
    changes[i](changed);
    INFO("change " << i);
    CHECK(must::crc_of(changed) != changed.crc);
    const auto why = must_test::error_of<must::storage_error>([&] { must::detail::log::check_commit(changed); });
    CHECK(why.position == changed.first);
  }
}

TEST_CASE("commit: its place is no content, and positions and times follow from it", "[storage][log]") {
  auto read = sealed_commit();
  read.place = 99;
  must::detail::log::check_commit(read);
  CHECK(read.events[0].position == 7);
  CHECK(read.events[1].position == 8);
  CHECK(read.events[1].recorded_at == read.time);
  CHECK(read.last() == 8);
}

TEST_CASE("commit_cache: keeps what was used last, and never more than its bytes", "[storage][log]") {
  constexpr std::size_t bytes = 1'000, each = 90;
  must::detail::log::commit_cache cache(bytes);
  std::vector<std::weak_ptr<const must::commit>> all;
  for (std::size_t i = 0; i < 100; ++i) {
    auto body = std::make_shared<const must::commit>(sealed_commit());
    all.push_back(body);
    cache.keep(i, std::move(body), each);
    CHECK(cache.find(0) != nullptr);  // It is used all the time.
    CHECK(cache.find(i) != nullptr);
    std::size_t kept = 0;
    for (const auto& one : all) kept += one.expired() ? 0 : each;
    REQUIRE(kept <= bytes);
  }
  CHECK(cache.find(1) == nullptr);
}

TEST_CASE("commit_cache: a commit that is larger than a half of it drives nothing out", "[storage][log]") {
  must::detail::log::commit_cache cache(1'000);
  cache.keep(1, std::make_shared<const must::commit>(sealed_commit()), 300);
  cache.keep(2, std::make_shared<const must::commit>(sealed_commit()), 501);
  CHECK(cache.find(1) != nullptr);
  CHECK(cache.find(2) == nullptr);
}

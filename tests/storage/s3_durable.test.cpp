// SPDX-License-Identifier: MIT
// durable_store on S3: the whole suite on a real server, its requests counted, processes that race or are killed, a
// server that is killed, refuses, loses answers and lets keys expire, and one that ignores conditions.
#include "servers/http_proxy.hpp"
#include "stores/durable_s3.hpp"
#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/ensure.hpp"
#include "support/error_of.hpp"
#include "support/run_cases.hpp"
#include "support/temporary_folder.hpp"

#include <signal.h>
#include <unistd.h>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace {

using must_test::durable_s3_fixture;
using must_test::ensure;
using must_test::http_asked;
using must_test::http_deed;
using must_test::http_proxy;
using must_test::http_text;
using must_test::s3_server;
using s3_store = must::durable_store<must::s3_objects>;

must::cloud_event event(const std::string& id, const std::string& stream = {}) {
  must::cloud_event made;
  made.id = id;
  made.source = "/test";
  made.type = "happened";
  made.subject = stream;
  return made;
}
must::append_result add(s3_store& store, std::vector<must::cloud_event> events,
                        const must::append_condition& condition = {}) {
  return store.append(events, condition);
}
std::vector<std::string> ids_in(s3_store& store) {
  std::vector<std::string> ids;
  store.read(must::query::all(), {}, [&](const auto& one) { ids.push_back(one.id); });
  return ids;
}
int seconds_or(int otherwise) {
  const char* const given = std::getenv("MUST_TEST_SECONDS");
  return given == nullptr ? otherwise : std::atoi(given);
}

}  // namespace

TEST_CASE("durable_store on S3: the suite holds on a server", "[storage][durable][s3][servers]") {
  if (!must_test::has_s3()) return;
  must_test::run_storage_cases<durable_s3_fixture>(false);
}
TEST_CASE("durable_store on S3: the races of the suite hold on a server", "[storage][durable][s3][servers][race]") {
  if (!must_test::has_s3()) return;
  must_test::run_storage_cases<durable_s3_fixture>(true);
}

TEST_CASE("durable_store on S3: an append alone is one PUT, and a look for news is one GET",
          "[storage][durable][s3][servers]") {
  if (!must_test::has_s3()) return;
  std::mutex mutex;
  std::map<std::string, int> counts;
  http_proxy proxy(
      [&](const http_asked& asked) {
        const std::lock_guard lock(mutex);
        ++counts[asked.target.find("list-type=2") == std::string::npos ? asked.method : "LIST"];
        return http_deed{};
      },
      s3_server::instance().endpoint());
  auto options = s3_server::instance().options();
  options.endpoint = proxy.address();
  s3_store store(must::s3_objects(options), {});
  const auto counted = [&](auto&& act) {
    {
      const std::lock_guard lock(mutex);
      counts.clear();
    }
    act();
    const std::lock_guard lock(mutex);
    std::string text;
    for (const auto& [what, count] : counts) text += std::to_string(count) + ' ' + what + ' ';
    return text;
  };
  for (int n = 0; n < 10; ++n)
    CHECK(counted([&] { static_cast<void>(add(store, {event(std::to_string(n), "s")})); }) == "1 PUT ");
  CHECK(counted([&] { static_cast<void>(store.head()); }) == "1 GET ");
  CHECK(counted([&] { static_cast<void>(ids_in(store)); }) == "1 GET ");

  // Who finds the position taken gets what is there and looks whether more is, and puts again.
  s3_store other(must::s3_objects(options), {});
  static_cast<void>(add(other, {event("other")}));
  const auto late = counted([&] { static_cast<void>(add(store, {event("late")})); });
  CHECK(late == "2 GET 2 PUT ");
  CHECK(store.head() == 12);
}

TEST_CASE("durable_store on S3: a server that ignores conditions is refused at open",
          "[storage][durable][s3][servers]") {
  must_test::scripted_server blind("s3_blind");
  if (!blind.reason().empty()) return must_test::skip(blind.reason(), "servers");
  must::s3_objects objects({.endpoint = blind.address(), .bucket = "must", .credentials = {"S3RVER", "S3RVER", ""}});
  const auto why = must_test::error_of<must::storage_error>([&] { s3_store{std::move(objects)}; });
  CHECK(why.backend_code == "unconditional");
  CHECK(why.message.find("puts a key twice") != std::string::npos);
  CHECK_FALSE(why.retryable);
}

TEST_CASE("durable_store on S3: processes that append under one condition win in turn, and leave no hole",
          "[storage][durable][s3][servers][process]") {
  if (!must_test::has_s3()) return;
  durable_s3_fixture fixture;
  static_cast<void>(add(fixture.store(), {event("first", "s")}));
  fixture.close();
  constexpr int processes = 4, each = 8;
  std::vector<::pid_t> children;
  for (int p = 0; p < processes; ++p)
    children.push_back(must_test::start_process([&, p] {
      auto store = fixture.open();
      for (int n = 0; n < each; ++n) {
        const auto id = std::to_string(p) + '-' + std::to_string(n);
        for (bool stored = false; !stored;) {
          const auto version = store.version("s");
          must::append_condition condition;
          condition.streams.push_back(must::stream_expectation::exactly("s", version));
          stored = add(store, {event(id, "s")}, condition).stored();
        }
      }
    }));
  for (const auto child : children) CHECK(must_test::wait_for_process(child) == 0);
  const auto ids = ids_in(fixture.store());
  CHECK(ids.size() == processes * each + 1);
  CHECK(std::set<std::string>(ids.begin(), ids.end()).size() == ids.size());
  CHECK(fixture.store().version("s") == must::version(ids.size()));
}

TEST_CASE("durable_store on S3: Z6 a writer that is killed has stored all that it was told of, and nothing half",
          "[storage][durable][s3][servers][process]") {
  if (!must_test::has_s3()) return;
  durable_s3_fixture fixture;
  const must_test::temporary_folder folder;
  std::set<std::string> told;
  const int rounds = seconds_or(4);
  for (int round = 0; round < rounds; ++round) {
    const auto file = folder.file(std::to_string(round));
    const auto child = must_test::start_process([&] {
      std::ofstream says(file);
      auto store = fixture.open();
      for (int n = 0;; ++n) {
        const auto id = std::to_string(round) + '-' + std::to_string(n);
        ensure(add(store, {event(id + "a"), event(id + "b")}).stored(), "append");
        says << id << std::endl;
      }
    });
    std::string line;
    for (int lines = 0; lines < 5 + round;) {
      std::ifstream in(file);
      for (lines = 0; std::getline(in, line);) ++lines;
    }
    ::kill(child, SIGKILL);
    must_test::wait_for_process(child);
    for (std::ifstream in(file); std::getline(in, line) && !in.eof();) told.insert(line);
  }
  const auto ids = ids_in(fixture.store());
  const std::set<std::string> stored(ids.begin(), ids.end());
  CHECK(stored.size() == ids.size());
  for (const auto& id : told) CHECK((stored.count(id + "a") == 1 && stored.count(id + "b") == 1));
  for (const auto& id : stored) CHECK(stored.count(id.substr(0, id.size() - 1) + (id.back() == 'a' ? 'b' : 'a')) == 1);
}

TEST_CASE("durable_store on S3: appends go on over a server that is killed and comes back",
          "[storage][durable][s3][servers]") {
  if (!must_test::has_own_s3()) return;
  durable_s3_fixture fixture;
  auto& store = fixture.store();
  std::atomic<int> stored{0};
  std::atomic<bool> ends{false};
  std::string trouble;
  std::jthread writes([&] {
    try {
      for (int n = 0; !ends; ++n, ++stored) ensure(add(store, {event(std::to_string(n))}).stored(), "append");
    } catch (const std::exception& why) {
      trouble = why.what();
    }
    ends = true;
  });
  for (int round = 0; round < 2; ++round) {
    const int before = stored;
    while (stored < before + 10 && !ends) std::this_thread::yield();
    s3_server::instance().own().kill();
    s3_server::instance().own().again();
  }
  const int before = stored;
  while (stored < before + 10 && !ends) std::this_thread::yield();
  ends = true;
  writes.join();
  CHECK(trouble.empty());
  const auto ids = ids_in(store);
  REQUIRE(ids.size() == static_cast<std::size_t>(stored));
  for (std::size_t n = 0; n < ids.size(); ++n) CHECK(ids[n] == std::to_string(n));
}

TEST_CASE("durable_store on S3: whatever a network does to its requests, each append is stored once, in order",
          "[storage][durable][s3][servers]") {
  if (!must_test::has_s3()) return;
  std::mutex mutex;
  std::mt19937 random(7);
  std::atomic<bool> is_bad{false};
  http_proxy proxy(
      [&](const http_asked&) -> http_deed {
        if (!is_bad) return {};
        const std::lock_guard lock(mutex);
        using kind = http_deed::kind;
        const auto refuses = [](std::string_view status, const std::string& code) {
          return http_deed{.what = kind::answer, .text = http_text(status, "<Error><Code>" + code + "</Code></Error>")};
        };
        switch (random() % 14) {
          case 0: return refuses("409 Conflict", "ConditionalRequestConflict");
          case 1: return refuses("503 Busy", "SlowDown");
          case 2: return refuses("500 Oh", "InternalError");
          case 3: return {.what = kind::end};
          case 4: return {.what = kind::lose_answer};
          case 5: return {.what = kind::cut_answer, .rest = 30};
          case 6: return {.what = kind::shorten_answer, .rest = 30};
          case 7: return {.milliseconds = 20};
          default: return {};
        }
      },
      s3_server::instance().endpoint());
  auto options = s3_server::instance().options();
  options.endpoint = proxy.address();
  options.timeout = must::duration(5'000'000);
  const auto open = [&] {
    return s3_store(must::s3_objects(options), {.log = {.timeout = must::duration(60'000'000)},
                                                .compact_every = 20,
                                                .segment_bytes = 4'000,
                                                .grace = must::duration(10'000)});
  };
  auto one = open(), two = open();
  is_bad = true;
  constexpr int each = 60;
  const auto writes = [&](s3_store& store, const std::string& name) {
    for (int n = 0; n < each; ++n) ensure(add(store, {event(name + std::to_string(n), name)}).stored(), "append");
  };
  std::string trouble;
  std::jthread other([&] {
    try {
      writes(two, "b");
    } catch (const std::exception& why) {
      trouble = why.what();
    }
  });
  writes(one, "a");
  CHECK(one.put("cell", "1", 0));
  CHECK_FALSE(one.put("cell", "2", 0));
  other.join();
  CHECK(trouble.empty());
  is_bad = false;
  CHECK(one.get("cell")->bytes == "1");
  auto fresh = open();
  for (auto* const store : {&one, &two, &fresh}) {
    std::map<std::string, int> next;
    store->read(must::query::all(), {},
                [&](const auto& found) { CHECK(found.id == found.subject + std::to_string(next[found.subject]++)); });
    CHECK(next == std::map<std::string, int>{{"a", each}, {"b", each}});
  }
}

TEST_CASE("durable_store on S3: keys that expire in mid-flight are renewed, and no append notices",
          "[storage][durable][s3][servers]") {
  if (!must_test::has_own_s3()) return;
  // Every seventh request meets keys that have expired, until they are renewed.
  std::atomic<int> requests{0}, renewals{0};
  std::atomic<bool> has_expired{false};
  http_proxy proxy(
      [&](const http_asked&) -> http_deed {
        if (++requests % 7 == 0) has_expired = true;
        if (!has_expired) return {};
        return {.what = http_deed::kind::answer,
                .text = http_text("400 Bad", "<Error><Code>ExpiredToken</Code></Error>")};
      },
      s3_server::instance().endpoint());
  auto options = s3_server::instance().options();
  options.endpoint = proxy.address();
  options.credentials = {};
  options.renew = [&]() -> must::s3_credentials {
    ++renewals;
    has_expired = false;
    return {"AK", "SK", ""};
  };
  s3_store store(must::s3_objects(options), {});
  for (int n = 0; n < 40; ++n) CHECK(add(store, {event(std::to_string(n))}).stored());
  CHECK(ids_in(store).size() == 40);
  CHECK(renewals >= 6);
}

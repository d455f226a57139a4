// SPDX-License-Identifier: MIT
// log_store: several stores on one log, whose answers get lost, against an oracle that replays the log.
#include "must/storage/log_store.hpp"

#include "must/storage/group_commit.hpp"
#include "must/storage/memory.hpp"
#include "must/testing/suite/differential.hpp"
#include "must/testing/suite/expect.hpp"
#include "must/testing/suite/race_cases.hpp"

#include "stores/scripted_log.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

using must_test::scripted_log;
using store = must::log_store<scripted_log>;
using must::testing::suite::at_once;
using must::testing::suite::compare_histories;
using must::testing::suite::seed;

// What a thread saw, sent and was told.
struct tried {
  std::vector<std::string> ids;
  std::string tag;
  must::position seen;
  must::append_result told;
};

std::vector<must::cloud_event> events_of(const std::string& name, const std::string& tag, std::uint64_t count) {
  std::vector<must::cloud_event> made;
  for (std::uint64_t i = 0; i < count; ++i) {
    must::cloud_event one{
        .id = name + "-" + std::to_string(i), .source = "/race", .type = "Raced", .subject = "s" + std::to_string(i)};
    one.tags = {tag};
    made.push_back(std::move(one));
  }
  return made;
}

// Appends under conditions on one of four tags, each after a read, alone or in a batch, and again when the outcome is
// unknown, or others were always faster.
std::vector<tried> race(store& on, int thread, int rounds) {
  std::mt19937_64 random(seed() + static_cast<std::uint64_t>(thread));
  std::vector<tried> all;
  for (int round = 0; round < rounds; ++round) {
    struct wish {
      std::string tag;
      std::vector<must::cloud_event> events;
      must::position seen;
    };
    std::vector<wish> wishes;
    for (auto n = random() % 3 + 1; n > 0; --n) {
      const auto tag = "t" + std::to_string(random() % 4);
      const auto name = std::to_string(thread) + "-" + std::to_string(round) + "-" + std::to_string(n);
      const auto seen = on.read(must::query::of_tags({tag}), {}, [](const auto&) {}).head;
      wishes.push_back({tag, events_of(name, tag, random() % 3 + 1), seen});
    }
    for (bool is_known = false; !is_known;) {
      std::vector<must::batch_item<must::payload>> items;
      for (auto& one : wishes)
        items.push_back({std::span(one.events), {.query = must::query::of_tags({one.tag}), .after = one.seen}});
      auto sent = wishes;  // A store may move from the events that it is given.
      try {
        auto done = on.append_batch(std::span(items));
        for (std::size_t i = 0; i < done.size(); ++i) {
          std::vector<std::string> ids;
          for (const auto& one : sent[i].events) ids.push_back(one.id);
          all.push_back({ids, sent[i].tag, sent[i].seen, done[i].value()});
        }
        is_known = true;
      } catch (const must::outcome_unknown&) {
        wishes = std::move(sent);
      } catch (const must::storage_error& busy) {  // Others were faster until the timeout.
        if (!busy.error().retryable) throw;
        wishes = std::move(sent);
      }
    }
  }
  return all;
}

// Replays the log: what was told to be stored is there, once and where it was told, under a condition that held; what
// was told to be in conflict is not there, and the conflict was one.
void check_replayed(const std::vector<must::commit>& log, const std::vector<tried>& all) {
  std::map<std::string, must::position> position_of;
  std::map<std::string, std::vector<must::position>> tagged;
  std::map<std::string, must::version> versions;
  must::position last = 0;
  for (const auto& commit : log) {
    REQUIRE(commit.first == last + 1);
    last = commit.last();
    for (std::size_t i = 0; i < commit.events.size(); ++i) {
      const auto& one = commit.events[i];
      REQUIRE(position_of.emplace(one.id, commit.first + i).second);
      REQUIRE(one.version == ++versions[one.subject]);
      for (const auto& tag : one.tags) tagged[tag].push_back(commit.first + i);
    }
  }
  std::size_t stored = 0;
  for (const auto& one : all) {
    if (!one.told.stored()) {
      for (const auto& id : one.ids) REQUIRE_FALSE(position_of.contains(id));
      const auto& in = tagged[one.tag];
      REQUIRE(one.told.why().actual > one.seen);
      REQUIRE(std::binary_search(in.begin(), in.end(), one.told.why().actual));
      continue;
    }
    stored += one.ids.size();
    REQUIRE(one.told->last - one.told->first + 1 == one.ids.size());
    for (std::size_t i = 0; i < one.ids.size(); ++i) REQUIRE(position_of[one.ids[i]] == one.told->first + i);
    for (const auto at : tagged[one.tag]) REQUIRE((at <= one.seen || at >= one.told->first));
  }
  REQUIRE(stored == position_of.size());
}

// Each step goes to another store of the log.
struct either {
  using data_type = must::payload;
  store& next() { return is_first = !is_first, is_first ? first : second; }
  must::append_result append(std::span<must::cloud_event> events, const must::append_condition& condition) {
    return next().append(events, condition);
  }
  must::read_result read(const must::query& which, const must::read_options& options, auto&& visitor) {
    return next().read(which, options, visitor);
  }
  must::position head() { return next().head(); }
  must::version version(std::string_view stream) { return next().version(stream); }
  auto find(std::string_view source, std::string_view id) { return next().find(source, id); }
  scripted_log log;
  store first{log, {.timeout = must::duration(60'000'000), .cache_bytes = 500}};
  store second{log, {.timeout = must::duration(60'000'000), .page_bytes = 1}};
  bool is_first = false;
};

}  // namespace

TEST_CASE("log_store: of stores that race on one log, a replay of the log proves every answer",
          "[storage][log][race]") {
  constexpr int stores = 4, threads = 8, rounds = 25;
  for (const bool is_bad : {false, true}) {
    INFO("MUST_TEST_SEED=" << seed() << ", bad answers: " << is_bad);
    scripted_log log;
    if (is_bad) log.now().on_put = must_test::random_fates(seed());
    std::vector<std::unique_ptr<store>> on;
    // Half of the stores give up early, so that outcomes stay unknown.
    for (int i = 0; i < stores; ++i)
      on.push_back(std::make_unique<store>(
          log, must::log_store_options{.timeout = must::duration(i % 2 == 0 ? 60'000'000 : 0), .cache_bytes = 5'000}));
    std::vector<tried> all;
    std::mutex mutex;
    at_once(threads, [&](int thread) {
      auto mine = race(*on[static_cast<std::size_t>(thread % stores)], thread, rounds);
      const std::lock_guard lock(mutex);
      for (auto& one : mine) all.push_back(std::move(one));
    });
    log.deliver_all();
    check_replayed(log.commits(), all);
    CHECK(all.size() >= threads * rounds);
    for (auto& one : on) CHECK(one->head() == log.commits().back().last());
  }
}

TEST_CASE("log_store: readers of every store see each commit whole, in order, while others append",
          "[storage][log][race]") {
  scripted_log log;
  store writer(log, {.cache_bytes = 0}), other(log, {.cache_bytes = 0}), reader(log, {.cache_bytes = 0});
  std::atomic<int> torn{0}, lost{0}, writing{2};
  at_once(5, [&](int thread) {
    if (thread < 2) {
      auto& to = thread == 0 ? writer : other;
      for (int i = 0; i < 100; ++i) {
        auto sent = events_of(std::to_string(thread) + "-" + std::to_string(i), "t", 3);
        const auto stored = to.append(std::span(sent), {}).value();
        if (reader.head() < stored.last) ++lost;  // An append that has returned is readable everywhere.
      }
      --writing;
      return;
    }
    auto& from = thread == 2 ? writer : reader;
    while (writing.load() > 0) {
      must::position next = 1;
      const auto read =
          from.read(must::query::of_tags({"t"}), {}, [&](const auto& one) { torn += one.position == next++ ? 0 : 1; });
      torn += read.head % 3 == 0 && next == read.head + 1 ? 0 : 1;
    }
  });
  CHECK(torn == 0);
  CHECK(lost == 0);
  CHECK(reader.head() == 600);
}

TEST_CASE("log_store: threads that append through group_commit share puts", "[storage][log][race]") {
  constexpr int threads = 8, each = 50;
  scripted_log log;
  // Each put takes so long that the others come meanwhile.
  log.now().before = [](const must::commit&) { std::this_thread::sleep_for(std::chrono::milliseconds(1)); };
  store events{log};
  must::group_commit grouped(events);
  std::atomic<int> stored{0};
  at_once(threads, [&](int thread) {
    for (int i = 0; i < each; ++i) {
      auto sent = events_of(std::to_string(thread) + "-" + std::to_string(i), "t", 1);
      stored += grouped.append(std::span(sent), {}).stored() ? 1 : 0;
    }
  });
  CHECK(stored == threads * each);
  CHECK(events.head() == threads * each);
  CHECK(log.now().puts < threads * each);
}

TEST_CASE("log_store: random histories on two stores of a bad log give the answers of memory_store", "[storage][log]") {
  struct both {
    std::unique_ptr<either> left = std::make_unique<either>();
    std::unique_ptr<must::memory_store<>> right = std::make_unique<must::memory_store<>>();
    auto& first() { return *left; }
    auto& second() { return *right; }
  };
  std::uint64_t n = seed();
  CHECK_NOTHROW(compare_histories<must::payload>(
      60, [](std::uint64_t data) { return must::payload("text/plain", std::to_string(data)); },
      [&] {
        both made;
        made.left->log.now().on_put = must_test::random_fates(++n);
        return made;
      }));
}

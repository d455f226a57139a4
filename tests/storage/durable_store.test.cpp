// SPDX-License-Identifier: MIT
// durable_store: what it asks of a storage of objects, compaction, and writers that wake up late.
#include "must/storage/durable.hpp"

#include "must/storage/abilities.hpp"

#include "stores/durable_events.hpp"
#include "stores/objects_in_memory.hpp"
#include "support/catch.hpp"
#include "support/error_of.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using must_test::answer;
using must_test::durable_event;
using must_test::error_of;
using must_test::ids_of;
using must_test::numbers;
using must_test::objects_in_memory;
using must_test::put;
using must_test::put_some;
using must_test::quick;
using store_type = must::durable_store<objects_in_memory>;
static_assert(must::CellRemovalStorage<store_type> && must::HistoryStorage<store_type> &&
              must::BatchStorage<store_type> && must::LimitedStorage<store_type>);

must::stream_expectation at(const std::string& stream, std::uint64_t version) {
  return must::stream_expectation::exactly(stream, must::version(version));
}

}  // namespace

TEST_CASE("durable_store: an append alone is one request, and so is a look for news when there is none",
          "[storage][durable]") {
  objects_in_memory objects;
  store_type store(objects, quick(60'000'000));
  put(store, "0");
  const auto before = objects.counts();
  put_some(store, 1, 50);
  auto after = objects.counts();
  CHECK(after.puts == before.puts + 50);
  CHECK(after.all() == before.all() + 50);
  CHECK(store.head() == 51);
  CHECK(objects.counts().all() == after.all() + 1);

  std::vector<must::cloud_event> many;
  for (int i = 100; i < 200; ++i) many.push_back(durable_event(std::to_string(i)));
  after = objects.counts();
  static_cast<void>(store.append(std::span(many), {}).value());
  CHECK(objects.counts().all() == after.all() + 1);
}

TEST_CASE("durable_store: a store that was overtaken reads what it lacks, one request a commit", "[storage][durable]") {
  objects_in_memory objects;
  auto options = quick(60'000'000);
  options.log.cache_bytes = 1'000'000;
  store_type store(objects, options), other(objects, options);
  put_some(other, 1, 3);
  const auto before = objects.counts();
  put(store, "4");
  const auto after = objects.counts();
  CHECK(after.puts == before.puts + 2);  // it loses position 1, and wins position 4
  CHECK(after.gets == before.gets + 4);  // three commits, and none behind them
  CHECK(ids_of(other) == numbers(1, 4));
}

TEST_CASE("durable_store: a compaction leaves the newest commit, and what it has rewritten reads as before",
          "[storage][durable]") {
  objects_in_memory objects;
  store_type store(objects, quick()), other(objects, quick());
  put_some(store, 1, 20);
  const auto done = store.compact();
  CHECK(done.commits == 19);
  CHECK(done.segments > 1);
  CHECK(done.removed == 19);
  CHECK_FALSE(done.overtaken);
  CHECK(objects.keys("log/") == std::vector<std::string>{"log/00000000000000000020.avro"});
  CHECK(objects.keys("seg/").size() == done.segments);
  CHECK(ids_of(store) == numbers(1, 20));
  CHECK(ids_of(other) == numbers(1, 20));
  put_some(other, 21, 5);
  CHECK(ids_of(store) == numbers(1, 25));
  CHECK(put(store, "7").first == 7);  // the same event again
  CHECK(store.find("/test", "3")->position == 3);

  store_type reopened(objects, quick());
  CHECK(ids_of(reopened) == numbers(1, 25));
  CHECK(reopened.history() == store.history());
  std::string backwards;
  must::read_options options{.order = must::direction::backwards, .limit = 3};
  static_cast<void>(
      reopened.read(must::query::of_tags({"t"}), options, [&](const auto& one) { backwards += one.id + " "; }));
  CHECK(backwards == "25 24 23 ");
}

TEST_CASE("durable_store: compactions again and again keep few segments, each of which but the last is full",
          "[storage][durable]") {
  objects_in_memory objects;
  store_type store(objects, quick(0, 4'000));
  for (int i = 0; i < 30; ++i) {
    put_some(store, 3 * i, 3);
    static_cast<void>(store.compact());
  }
  CHECK(store.compact().commits == 0);
  const auto segments = objects.keys("seg/");
  CHECK(segments.size() < 10);
  for (std::size_t i = 0; i + 1 < segments.size(); ++i) CHECK(objects.objects().at(segments[i]).size() >= 4'000);
  CHECK(objects.keys("log/").size() == 1);
  CHECK(ids_of(store) == numbers(0, 89));
}

TEST_CASE("durable_store: what is rewritten is removed when all have had the time to learn of it",
          "[storage][durable]") {
  objects_in_memory objects;
  store_type store(objects, quick(60'000'000));
  put_some(store, 1, 10);
  std::stop_source stop;
  stop.request_stop();
  CHECK(store.compact(stop.get_token()).commits == 0);  // it has not even begun
  std::jthread compacting([&](const std::stop_token& stopped) { static_cast<void>(store.compact(stopped)); });
  while (objects.keys("seg/").empty()) std::this_thread::yield();
  compacting.request_stop();
  compacting.join();
  CHECK(objects.keys("log/").size() == 10);
  CHECK(ids_of(store) == numbers(1, 10));
}

TEST_CASE("durable_store: a writer whose key was removed while it slept has not won", "[storage][durable]") {
  const std::int64_t grace = GENERATE(0, 30'000);
  objects_in_memory objects;
  store_type store(objects, quick(grace)), zombie_in(objects, quick(grace));
  put_some(store, 1, 3);
  CHECK(zombie_in.head() == 3);

  bool sleeps = true;
  objects.before_each([&](const objects_in_memory::request& of) {
    if (!sleeps || of.operation != "put_if_absent" || of.key != "log/00000000000000000004.avro") return;
    sleeps = false;
    put_some(store, 4, 6);
    CHECK(store.compact().removed == 8);
    CHECK(objects.keys("log/") == std::vector<std::string>{"log/00000000000000000009.avro"});
  });
  SECTION("its events come behind those of the others") {
    CHECK(put(zombie_in, "10").first == 10);
    CHECK(ids_of(zombie_in) == numbers(1, 10));
  }
  SECTION("its condition is judged again") {
    auto one = durable_event("10");
    const auto result = zombie_in.append(std::span(&one, 1), {.streams = {at("s", 3)}});
    REQUIRE_FALSE(result.stored());
    CHECK(result.why().actual == 9);
    CHECK(ids_of(zombie_in) == numbers(1, 9));
  }
  CHECK_FALSE(sleeps);
  CHECK(objects.objects().contains("log/00000000000000000004.avro"));  // it was put, and counts for nothing
  const auto expected = ids_of(zombie_in);
  CHECK(ids_of(store) == expected);
  store_type reopened(objects, quick(grace));
  CHECK(ids_of(reopened) == expected);
  put_some(store, 20, 2);
  static_cast<void>(store.compact());
  CHECK(objects.keys("log/").size() == 1);
}

TEST_CASE("durable_store: a reader that slept does not take what a late writer has put for a commit",
          "[storage][durable]") {
  const std::int64_t grace = GENERATE(0, 30'000);
  objects_in_memory objects;
  store_type store(objects, quick(grace)), reader(objects, quick(grace));
  put_some(store, 1, 3);
  CHECK(ids_of(reader) == numbers(1, 3));
  objects_in_memory elsewhere;  // where another history goes on from position 4
  elsewhere.set_objects(objects.objects());
  store_type late(elsewhere, quick(grace));
  put(late, "of nobody");

  put_some(store, 4, 6);
  static_cast<void>(store.compact());
  auto all = objects.objects();
  all["log/00000000000000000004.avro"] = elsewhere.objects().at("log/00000000000000000004.avro");
  objects.set_objects(all);
  CHECK(ids_of(reader) == numbers(1, 9));
  CHECK(put(reader, "10").first == 10);
  CHECK(ids_of(store) == numbers(1, 10));
}

TEST_CASE("durable_store: a writer that was killed after its put, and whose commit was compacted, is told so",
          "[storage][durable]") {
  objects_in_memory objects;
  store_type store(objects, quick()), other(objects, quick());
  put_some(store, 1, 3);
  CHECK(other.head() == 3);
  // The answer to the put is lost, and the commit stands in a segment before anybody asks for it.
  int puts = 0;
  objects.answer_by([&](const objects_in_memory::request& of) {
    return of.key == "log/00000000000000000004.avro" && of.operation == "put_if_absent" && puts++ == 0
               ? answer::forgotten
               : answer::given;
  });
  bool reads = false;
  objects.before_each([&](const objects_in_memory::request& of) {
    if (puts != 1 || reads || of.operation != "get") return;
    reads = true;
    put_some(store, 5, 3);
    static_cast<void>(store.compact());
  });
  CHECK(put(other, "4").first == 4);
  CHECK(ids_of(other) == numbers(1, 7));
  CHECK(ids_of(store) == numbers(1, 7));
}

TEST_CASE("durable_store: of two compactions at once one changes nothing, and nothing is lost", "[storage][durable]") {
  objects_in_memory objects;
  store_type store(objects, quick()), other(objects, quick());
  put_some(store, 1, 20);
  bool races = true;
  objects.before_each([&](const objects_in_memory::request& of) {
    if (!races || of.operation != "put_if_match" || of.key != "manifest.json") return;
    races = false;
    put_some(other, 21, 3);
    CHECK(other.compact().commits == 22);
  });
  const auto done = store.compact();
  CHECK(done.overtaken);
  CHECK(done.commits == 0);
  CHECK(ids_of(store) == numbers(1, 23));
  CHECK(ids_of(other) == numbers(1, 23));
  objects.before_each({});
  put_some(store, 24, 30);
  static_cast<void>(store.compact());
  const store_type reopened(objects, quick());
  CHECK(ids_of(store) == numbers(1, 53));
  // What the one that was overtaken has written is removed.
  const auto manifest = objects.objects().at("manifest.json");
  for (const auto& key : objects.keys("seg/")) CHECK(manifest.find(key) != std::string::npos);
}

TEST_CASE("durable_store: a reader finds the events again whose segments are removed while it reads",
          "[storage][durable]") {
  objects_in_memory objects;
  auto options = quick(0, 2'000);
  options.log.page_bytes = 1;
  store_type store(objects, quick(0, 2'000)), reader(objects, options);
  put_some(store, 1, 12);
  static_cast<void>(store.compact());
  CHECK(reader.head() == 12);
  std::string seen;
  static_cast<void>(reader.read(must::query::all(), {}, [&](const auto& one) {
    seen += one.id + " ";
    if (one.position % 3 != 0 || one.position > 12) return;
    const auto segments = objects.keys("seg/");
    put_some(store, static_cast<int>(100 * one.position), 5);
    static_cast<void>(store.compact());
    CHECK(objects.keys("seg/") != segments);
  }));
  CHECK(seen == numbers(1, 12));
}

TEST_CASE("durable_store: a compaction that is cut off at any of its requests loses nothing, and the next one ends it",
          "[storage][durable]") {
  bool ends = false;
  for (std::size_t cut = 0; !ends; ++cut) {
    INFO("cut off at request " << cut);
    objects_in_memory objects;
    store_type store(objects, quick()), other(objects, quick());
    put_some(store, 1, 8);
    static_cast<void>(store.compact());
    put_some(store, 9, 12);
    const auto all = numbers(1, 20);
    std::size_t requests = 0;
    objects.answer_by([&](const auto&) { return requests++ < cut ? answer::given : answer::denied; });
    try {
      static_cast<void>(store.compact());
      ends = true;
    } catch (const must::storage_error& why) {
      CHECK(why.error().message.find("denies") != std::string::npos);
    }
    objects.answer_by({});
    CHECK(ids_of(store) == all);
    CHECK(ids_of(other) == all);
    store_type reopened(objects, quick());
    CHECK(ids_of(reopened) == all);
    put_some(other, 21, 30);
    static_cast<void>(reopened.compact());
    CHECK(ids_of(reopened) == numbers(1, 50));
    CHECK(ids_of(store) == numbers(1, 50));
    CHECK(objects.keys("log/").size() == 1);
    const auto manifest = objects.objects().at("manifest.json");
    for (const auto& key : objects.keys("seg/")) CHECK(manifest.find(key) != std::string::npos);
  }
}

TEST_CASE("durable_store: writers, readers and compactions that race keep one history", "[storage][durable][race]") {
  objects_in_memory objects;
  constexpr int writers = 4, each = 60;
  std::atomic<int> failures{0};
  std::atomic<bool> is_done{false};
  {
    std::vector<std::jthread> compacting;
    for (int i = 0; i < 2; ++i)
      compacting.emplace_back([&] {
        try {
          store_type store(objects, quick(2'000));
          while (!is_done) static_cast<void>(store.compact());
        } catch (...) {
          ++failures;
        }
      });
    std::vector<std::jthread> writing;
    for (int w = 0; w < writers; ++w)
      writing.emplace_back([&, w] {
        try {
          store_type store(objects, quick(2'000));
          for (int i = 0; i < each; ++i) {
            const auto id = std::to_string(w) + "-" + std::to_string(i);
            // Each writer has a stream, whose versions must be the number of its appends.
            put(store, id, {.streams = {at(id.substr(0, 1), static_cast<std::uint64_t>(i))}}, id.substr(0, 1));
            if (i % 10 == 0 && ids_of(store).find('?') != std::string::npos) ++failures;
          }
        } catch (...) {
          ++failures;
        }
      });
    writing.clear();
    is_done = true;
  }
  CHECK(failures == 0);
  store_type store(objects, quick());
  std::map<std::string, std::vector<std::string>> streams;
  static_cast<void>(
      store.read(must::query::all(), {}, [&](const auto& one) { streams[one.subject].push_back(one.id.substr(2)); }));
  CHECK(store.head() == writers * each);
  for (const auto& [stream, all] : streams) {
    REQUIRE(all.size() == each);
    for (int i = 0; i < each; ++i) CHECK(all[static_cast<std::size_t>(i)] == std::to_string(i));
  }
}

TEST_CASE("durable_store: a thread of the store compacts after so many commits, and says why it could not",
          "[storage][durable]") {
  objects_in_memory objects;
  auto options = quick();
  options.compact_every = 5;
  store_type store(objects, options);
  put_some(store, 1, 5);
  while (objects.keys("log/").size() != 1) std::this_thread::yield();
  CHECK_FALSE(store.compaction_failure());
  objects.answer_by([](const auto& of) { return of.key.starts_with("seg/") ? answer::denied : answer::given; });
  put_some(store, 6, 10);
  while (!store.compaction_failure()) put(store, "again");
  CHECK(store.compaction_failure()->message.find("denies seg/") != std::string::npos);
}

TEST_CASE("durable_store: a storage that is busy is asked again until the deadline", "[storage][durable]") {
  objects_in_memory objects;
  auto options = quick();
  options.log.timeout = must::duration(30'000);
  store_type store(objects, options);
  put_some(store, 1, 3);
  int asked = 0;
  objects.answer_by([&](const auto&) { return ++asked < 4 ? answer::busy : answer::given; });
  put_some(store, 4, 1);
  CHECK(asked >= 4);
  objects.answer_by([&](const auto&) { return answer::busy; });
  const auto why = error_of<must::storage_error>([&] { put_some(store, 5, 1); });
  CHECK(why.retryable);
  CHECK(why.message ==
        "append: the storage does not take the object log/00000000000000000005.avro, past the deadline: busy");
  objects.answer_by({});
  put_some(store, 5, 1);
  CHECK(ids_of(store) == numbers(1, 5));
}

TEST_CASE("durable_store: an answer that never comes leaves the outcome unknown, and the same append settles it",
          "[storage][durable]") {
  objects_in_memory objects;
  auto options = quick();
  options.log.timeout = must::duration(30'000);
  store_type store(objects, options);
  put_some(store, 1, 1);
  const auto what = GENERATE(answer::dropped, answer::forgotten);
  objects.answer_by([&](const auto& of) { return of.operation == "put_if_absent" ? what : answer::given; });
  if (what == answer::dropped)
    CHECK_THROWS_AS(put(store, "2"), must::outcome_unknown);
  else
    CHECK(put(store, "2").first == 2);
  objects.answer_by({});
  CHECK(put(store, "2").first == 2);
  CHECK(ids_of(store) == numbers(1, 2));
}

TEST_CASE("durable_store: mark_restored gives the store another history, which every later store tells",
          "[storage][durable]") {
  objects_in_memory objects;
  store_type store(objects, quick());
  put_some(store, 1, 3);
  const auto before = store.history();
  store.mark_restored();
  CHECK(store.history() != before);
  CHECK(store_type(objects, quick()).history() == store.history());
  CHECK(ids_of(store) == numbers(1, 3));
}

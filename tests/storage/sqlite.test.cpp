// SPDX-License-Identifier: MIT
// sqlite_store: what is special to a store in a file.
#include "must/storage/sqlite.hpp"

#include "must/must.hpp"
#include "must/storage/memory.hpp"
#include "must/testing/fixed_origin.hpp"
#include "must/testing/suite/expect.hpp"

#include "stores/sqlite.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace must_test;

TEST_CASE("sqlite_store: what is stored is there when the file is opened again", "[sqlite]") {
  const temporary_folder folder;
  auto one = event("a");
  one.dataschema = "https://example.org/schema";
  one.time = must::timestamp::parse("2026-01-01T12:00:00.123456789+02:00").value();
  one.extensions = {{"flag", true}, {"number", std::int32_t{-7}}, {"bytes", must::binary{std::string("\0\xFF", 2)}}};
  std::string history;
  {
    must::sqlite_store store(on(folder.file()));
    history = store.history();
    append(store, one).value();
    CHECK(store.put("k", "v", 0));
  }
  must::sqlite_store store(on(folder.file()));
  CHECK(store.history() == history);
  CHECK(history.substr(36) == ".1");
  CHECK(store.head() == 1);
  CHECK(store.version("s") == 1);
  CHECK(store.get("k") == must::cell{"v", 1});
  const auto found = store.find("/test", "a");
  REQUIRE(found);
  CHECK(static_cast<const must::cloud_event&>(*found) == one);
  CHECK(found->time->to_string() == one.time->to_string());
  CHECK(append(store, one).value() == must::appended{1, 1});  // a repeat
  auto other = one;
  other.data = must::payload("text/plain", "other");
  CHECK_THROWS_AS(static_cast<void>(append(store, other)), must::duplicate_id);
}

TEST_CASE("sqlite_store: recorded_at does not decrease, across openings too", "[sqlite]") {
  const temporary_folder folder;
  must::testing::fixed_clock clock("2026-01-01T12:00:00Z");
  {
    must::sqlite_store store(on(folder.file()), {.clock = &clock});
    append(store, event("a")).value();
  }
  clock.advance(must::duration(-5'000'000));
  must::sqlite_store store(on(folder.file()), {.clock = &clock});
  append(store, event("b")).value();
  CHECK(store.find("/test", "b")->recorded_at == store.find("/test", "a")->recorded_at);
}

TEST_CASE("sqlite_store: a file of a newer must is refused and stays as it is", "[sqlite]") {
  const temporary_folder folder;
  const auto path = folder.file();
  { must::sqlite_store store(on(path)); }
  must::sqlite_store opened_before(on(path));
  execute(path, "UPDATE must_store SET schema_version = 3, min_writer = 3");
  const auto refused = failure_of([&] { append(opened_before, event("a")).value(); });
  CHECK(refused.operation == "append");
  CHECK(refused.backend_code == "min_writer");
  CHECK_FALSE(refused.retryable);
  CHECK(failure_of([&] { opened_before.put("k", "v", 0); }).operation == "put");
  CHECK(opened_before.head() == 0);  // reading goes on
  { must::sqlite_store reading(on(path)); }
  execute(path, "UPDATE must_store SET min_reader = 3");
  CHECK(failure_of([&] { static_cast<void>(opened_before.head()); }).backend_code == "min_reader");
  CHECK(failure_of([&] { count(opened_before, must::query::all()); }).operation == "read");
  const auto newer = failure_of([&] { must::sqlite_store store(on(path)); });
  CHECK(newer.operation == "open");
  CHECK(newer.backend_code == "min_reader");
  CHECK(newer.message.find(path) != std::string::npos);
}

TEST_CASE("sqlite_store: what is no database, or cannot be opened, is named in an error", "[sqlite]") {
  const temporary_folder folder;
  const std::string text(8'192, 'x');
  std::ofstream(folder.file("text")) << text;
  const auto no_database = failure_of([&] { must::sqlite_store store(on(folder.file("text"))); });
  CHECK(no_database.backend_code == "SQLITE_NOTADB (26)");
  CHECK(no_database.message.find(folder.file("text")) != std::string::npos);
  std::ifstream again(folder.file("text"));
  CHECK(std::string(std::istreambuf_iterator<char>(again), {}) == text);

  const auto no_folder = failure_of([&] { must::sqlite_store store(on(folder.path + "/none/events.db")); });
  CHECK(no_folder.backend_code == "SQLITE_CANTOPEN (14)");
  CHECK(failure_of([&] { must::sqlite_store store(on(folder.path)); }).operation == "open");
  CHECK_THROWS_AS(must::sqlite_store(on("")), must::bad_input);
  CHECK_THROWS_AS(must::sqlite_store(on(":memory:")), must::bad_input);
  CHECK_THROWS_AS(must::sqlite_store(on(std::string("a\0b", 3))), must::bad_input);
  CHECK_THROWS_AS(must::sqlite_store({.mode = must::sqlite_mode::in_memory}, {.source = ""}), must::bad_input);

  execute(folder.file("utf16"), "PRAGMA encoding = 'UTF-16'; CREATE TABLE mine(x)");
  CHECK(failure_of([&] { must::sqlite_store store(on(folder.file("utf16"))); }).backend_code == "SQLITE_FORMAT (24)");

  { must::sqlite_store store(on(folder.file("emptied"))); }
  execute(folder.file("emptied"), "DELETE FROM must_store");
  const auto emptied = failure_of([&] { must::sqlite_store store(on(folder.file("emptied"))); });
  CHECK(emptied.backend_code == "SQLITE_CORRUPT (11)");
  CHECK(emptied.message.find("must_store is damaged") != std::string::npos);

  // Tables of these names that are not must's: nothing is made, nothing is changed.
  execute(folder.file("other"), "CREATE TABLE must_tag(x)");
  CHECK(failure_of([&] { must::sqlite_store store(on(folder.file("other"))); }).backend_code == "SQLITE_ERROR (1)");
  CHECK(texts(folder.file("other"), "SELECT name FROM sqlite_master") == std::vector<std::string>{"must_tag"});
}

TEST_CASE("sqlite_store: a store that is opened to be read refuses to write, and follows who writes", "[sqlite]") {
  const temporary_folder folder;
  const auto path = folder.file();
  auto options = on(path);
  options.mode = must::sqlite_mode::read_only;
  CHECK(failure_of([&] { must::sqlite_store store(options); }).backend_code == "SQLITE_CANTOPEN (14)");
  must::sqlite_store writing(on(path));
  append(writing, event("a")).value();
  must::sqlite_store reading(options);
  CHECK(reading.head() == 1);
  append(writing, event("b")).value();
  CHECK(count(reading, must::query::of_stream("s")) == 2);
  const auto refused = failure_of([&] { append(reading, event("c")).value(); });
  CHECK(refused.backend_code == "SQLITE_READONLY (8)");
  CHECK_FALSE(refused.retryable);
  CHECK(failure_of([&] { reading.put("k", "v", 0); }).operation == "put");
  CHECK(writing.head() == 2);
}

TEST_CASE("sqlite_store: a full disk stores nothing of an append, and the store goes on", "[sqlite]") {
  const temporary_folder folder;
  auto options = on(folder.file());
  options.max_pages = 64;
  must::sqlite_store store(options);
  const auto large = [] {
    auto one = event(new_id());
    one.data = must::payload("text/plain", std::string(20'000, 'x'));
    return one;
  };
  must::position stored = 0;
  const auto full = failure_of([&] {
    for (;; ++stored) append(store, large()).value();
  });
  CHECK(full.backend_code == "SQLITE_FULL (13)");
  CHECK(full.operation == "append");
  CHECK_FALSE(full.retryable);
  CHECK(stored > 0);
  CHECK(store.head() == stored);
  CHECK(count(store, must::query::of_tags({"t"})) == stored);
  auto first = large(), second = large();
  using batch_item = must::batch_item<must::payload>;
  std::vector items{batch_item{std::span(&first, 1), {}}, batch_item{std::span(&second, 1), {}}};
  const auto full_again = failure_of([&] { static_cast<void>(store.append_batch(std::span(items))); });
  CHECK(full_again.backend_code == "SQLITE_FULL (13)");
  CHECK(store.head() == stored);
  CHECK(append(store, event("small", {}, {})).stored());
  must::sqlite_store without_quota(on(folder.file()));
  CHECK(append(without_quota, large()).value().first == stored + 2);
  check_sound(folder.file());
}

TEST_CASE("sqlite_store: a payload of 64 MiB is stored where the limit is raised", "[sqlite]") {
  const temporary_folder folder;
  constexpr std::size_t size = std::size_t{64} << 20U;
  auto options = on(folder.file());
  options.limits.payload_bytes = size;
  must::sqlite_store store(options);
  auto one = event("a");
  one.data = must::payload("application/octet-stream", std::string(size, '\xFF'));
  append(store, one).value();
  append(store, event("b")).value();
  CHECK(store.find("/test", "a")->data == one.data);
  CHECK(count(store, must::query::all()) == 2);
  options.limits.payload_bytes = std::size_t{1} << 40U;
  CHECK_THROWS_AS(must::sqlite_store(options), must::bad_input);
}

TEST_CASE("sqlite_store: a callback runs in the transaction of an append, and rolls it back by throwing", "[sqlite]") {
  const temporary_folder folder;
  must::sqlite_store store(on(folder.file()));
  execute(folder.file(), "CREATE TABLE total(n INTEGER); INSERT INTO total VALUES (0)");
  const auto total = [&] { return texts(folder.file(), "SELECT n FROM total")[0]; };
  int calls = 0;
  const auto add = [&](must::sqlite_store::transaction& in) {
    ++calls;
    REQUIRE(::sqlite3_exec(in.handle, "UPDATE total SET n = n + 1", nullptr, nullptr, nullptr) == SQLITE_OK);
    CHECK(texts(in.handle, "SELECT count(*) FROM must_event").size() == 1);
  };
  auto first = event("a"), second = event("b");
  const must::append_condition guarded{.query = must::query::of_tags({"t"})};
  CHECK(store.append_with(std::span(&first, 1), guarded, add).stored());
  CHECK(total() == "1");
  CHECK(store.append_with(std::span(&first, 1), guarded, add).stored());         // a repeat
  CHECK_FALSE(store.append_with(std::span(&second, 1), guarded, add).stored());  // a conflict
  CHECK(calls == 1);
  const auto add_and_throw = [&](must::sqlite_store::transaction& in) {
    add(in);
    throw std::logic_error("no");
  };
  CHECK_THROWS_AS(static_cast<void>(store.append_with(std::span(&second, 1), {}, add_and_throw)), std::logic_error);
  CHECK_THROWS_AS(store.put_with("k", "v", 0, add_and_throw), std::logic_error);
  CHECK(total() == "1");
  CHECK(store.head() == 1);
  CHECK_FALSE(store.get("k"));
  CHECK(store.put_with("k", "v", 0, add));
  CHECK_FALSE(store.put_with("k", "w", 0, add));
  CHECK(total() == "2");

  // A callback that calls its store, or ends the transaction, is told so.
  CHECK(failure_of([&] {
          const auto calls_store = [&](auto&) { append(store, event("c")).value(); };
          static_cast<void>(store.append_with(std::span(&second, 1), {}, calls_store));
        }).message.find("a callback calls the store") != std::string::npos);
  CHECK(failure_of([&] {
          static_cast<void>(store.append_with(std::span(&second, 1), {}, [&](auto& in) {
            ::sqlite3_exec(in.handle, "ROLLBACK", nullptr, nullptr, nullptr);
          }));
        }).message.find("ended the transaction") != std::string::npos);
  CHECK(store.head() == 1);
  CHECK(append(store, second).stored());
}

TEST_CASE("sqlite_store: a backup is the store as it was, while others append", "[sqlite]") {
  const temporary_folder folder;
  must::sqlite_store store(on(folder.file()));
  append(store, event("a")).value();
  store.put("k", "v", 0);
  {
    std::jthread writing([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) append(store, event(new_id())).value();
    });
    for (int i = 0; i < 5; ++i) store.backup(folder.file(("copy" + std::to_string(i)).c_str()));
  }
  CHECK(failure_of([&] { store.backup(folder.file("copy0")); }).operation == "backup");
  CHECK(failure_of([&] { store.backup(folder.path + "/none/copy"); }).operation == "backup");
  check_sound(folder.file("copy4"));
  must::sqlite_store copy(on(folder.file("copy4")));
  CHECK(copy.history() != store.history());
  CHECK(copy.history().substr(0, 36) == store.history().substr(0, 36));
  CHECK(copy.head() <= store.head());
  CHECK(count(copy, must::query::of_tags({"t"})) == copy.head());
  CHECK(copy.get("k") == must::cell{"v", 1});
  CHECK(append(copy, event("a")).value() == must::appended{1, 1});  // digests have the same key

  must::sqlite_store in_memory({.mode = must::sqlite_mode::in_memory});
  append(in_memory, event("m")).value();
  in_memory.backup(folder.file("from-memory"));
  must::sqlite_store from_memory(on(folder.file("from-memory")));
  CHECK(from_memory.find("/test", "m"));
}

TEST_CASE("sqlite_store: no statement scans the log or sorts it", "[sqlite]") {
  const temporary_folder folder;
  { must::sqlite_store store(on(folder.file())); }
  for (int i = 0; i < static_cast<int>(must::detail::sqlite::sql::count); ++i) {
    const auto sql = std::string(must::detail::sqlite::text_of(static_cast<must::detail::sqlite::sql>(i)));
    INFO(sql);
    REQUIRE_FALSE(sql.empty());
    for (const auto& step : texts(folder.file(), "EXPLAIN QUERY PLAN " + sql, 3)) {
      INFO(step);
      const bool ends_at_once = sql.ends_with("ORDER BY e.position DESC LIMIT 1");
      CHECK((step.find("SCAN") == std::string::npos || step == "SCAN s" || step == "SCAN t" ||
             step == "SCAN must_store" || (step.starts_with("SCAN e") && ends_at_once)));
      CHECK(step.find("TEMP B-TREE") == std::string::npos);
      CHECK(step.find("AUTOMATIC") == std::string::npos);
    }
  }
  CHECK(must::sqlite_store::schema().find("CREATE TABLE must_event") != std::string::npos);
}

TEST_CASE("sqlite_store: a read and a condition cost what they match", "[sqlite]") {
  long steps = 0;
  must::sqlite_store store({.mode = must::sqlite_mode::in_memory});
  std::vector<must::cloud_event> many;
  for (int i = 0; i < 10'000; ++i) {
    const auto tags = i == 5'000 ? must::tag_set{"hot", "rare"} : must::tag_set{"hot"};
    many.push_back(event("n" + std::to_string(i), i % 2 == 0 ? "even" : "odd", tags));
    many.back().type = i == 7'000 ? "Rare" : "Noted";
  }
  static_cast<void>(store.append(std::span(many), {}).value());
  auto one = event("last", {}, {});
  static_cast<void>(store.append_with(std::span(&one, 1), {}, [&](auto& in) {
    ::sqlite3_progress_handler(in.handle, 1, [](void* counted) { return ++*static_cast<long*>(counted), 0; }, &steps);
  }));
  using item = must::query_item;
  const must::query few[] = {must::query::of_tags({"hot", "rare"}),
                             must::query::of_tags({"rare", "hot"}),
                             must::query::of_types({"Rare"}),
                             {item{.tags = {"rare"}, .stream = "even"}},
                             {item{.tags = {"rare"}, .stream = "odd"}},
                             {item{.types = {"Noted", "Rare"}, .tags = {"rare"}}, item{.types = {"Rare"}}},
                             {item{.types = {"Rare"}, .tags = {"hot"}}},
                             {item{.types = {"Rare", "None"}, .tags = {"hot"}, .stream = "even"}},
                             {item{.types = {"None", "Rare"}, .stream = "even"}},
                             {item{.types = {"None"}, .stream = "odd"}}};
  for (const auto& which : few) {
    steps = 0;
    CHECK(count(store, which) <= 2);
    CHECK(steps < 5'000);  // of SQLite's machine; a scan takes more than 50,000
    steps = 0;
    CHECK(append(store, event(new_id(), {}, {}), {.query = which, .after = 9'000}).stored());
    CHECK(steps < 5'000);  // of SQLite's machine; a scan takes more than 50,000
  }
  steps = 0;
  CHECK(append(store, event("d", {}, {}), {.query = must::query::of_stream("even"), .after = 10'000}).stored());
  CHECK(steps < 500);
}

TEST_CASE("sqlite_store: rare and frequent names, in any mixture, give the answers of memory_store", "[sqlite]") {
  must::sqlite_store store({.mode = must::sqlite_mode::in_memory, .page_events = 20});
  must::memory_store<> reference;
  std::mt19937_64 random(must::testing::suite::seed());
  INFO("MUST_TEST_SEED=" << must::testing::suite::seed());
  const auto drawn = [&](std::uint64_t below) { return random() % below; };
  // The n-th name stands at every 4^n-th event or so, in runs.
  const auto name = [&](const char* kind) {
    int n = 0;
    while (n < 5 && drawn(4) == 0) ++n;
    return kind + std::to_string(n);
  };
  std::vector<must::cloud_event> many;
  auto type = name("T"), stream = name("s");
  for (int i = 0; i < 3'000; ++i) {
    if (drawn(20) == 0) type = name("T");
    if (drawn(20) == 0) stream = name("s");
    many.push_back(event("n" + std::to_string(i), stream, must::tag_set(std::vector{name("t"), name("t"), name("u")})));
    many.back().type = type;
  }
  auto copies = many;
  static_cast<void>(store.append(std::span(many), {}).value());
  static_cast<void>(reference.append(std::span(copies), {}).value());
  for (int round = 0; round < 150; ++round) {
    std::vector<must::query_item> items(1 + drawn(3));
    for (auto& item : items) {
      for (auto n = drawn(3); n > 0; --n) item.types.push_back(name("T"));
      for (auto n = drawn(3); n > 0; --n) item.tags.push_back(name(drawn(2) == 0 ? "t" : "u"));
      if (drawn(2) == 0 || (item.types.empty() && item.tags.empty())) item.stream = name("s");
    }
    const must::query which(items);
    must::read_options options{.order = drawn(2) == 0 ? must::direction::forwards : must::direction::backwards};
    if (drawn(2) == 0) options.after = drawn(3'000);
    if (drawn(2) == 0) options.until = options.after + drawn(2'000);
    if (drawn(4) == 0) options.limit = static_cast<std::int64_t>(drawn(100));
    std::vector<must::position> found, expected;
    const auto read = store.read(which, options, [&](const auto& record) { found.push_back(record.position); });
    const auto same = reference.read(which, options, [&](const auto& record) { expected.push_back(record.position); });
    REQUIRE(found == expected);
    REQUIRE(read == same);
    const must::append_condition condition{.query = which, .after = drawn(3'001)};
    auto left = event(new_id(), {}, {}), right = left;
    REQUIRE(store.append(std::span(&left, 1), condition) == reference.append(std::span(&right, 1), condition));
  }
}

TEST_CASE("sqlite_store: windows of a long stream are found without walking there", "[sqlite]") {
  must::sqlite_store store({.mode = must::sqlite_mode::in_memory, .page_events = 7});
  std::vector<must::cloud_event> many;
  for (int i = 0; i < 3'000; ++i) many.push_back(event("n" + std::to_string(i), i % 3 == 0 ? "a" : "b"));
  static_cast<void>(store.append(std::span(many), {}).value());
  for (const auto order : {must::direction::forwards, must::direction::backwards}) {
    for (const must::position after : {0U, 1U, 2U, 1'499U, 1'500U, 1'501U, 2'990U}) {
      const must::position until = after + 40;
      std::vector<must::position> found, expected;
      static_cast<void>(store.read(must::query::of_stream("a"), {.order = order, .after = after, .until = until},
                                   [&](const auto& record) { found.push_back(record.position); }));
      for (auto at = after + 1; at <= std::min<must::position>(until, 3'000); ++at)
        if (at % 3 == 1) expected.push_back(at);
      if (order == must::direction::backwards) std::reverse(expected.begin(), expected.end());
      CHECK(found == expected);
    }
  }
}

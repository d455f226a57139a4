// SPDX-License-Identifier: MIT
// sqlite_store: files that are damaged, cut, put back, and statements that are broken off (cases Z1, Z3, Z9, R5).
#include "must/storage/sqlite.hpp"

#include "must/codec/json.hpp"
#include "must/model/projection.hpp"
#include "must/must.hpp"
#include "must/subscription.hpp"
#include "must/testing/suite/expect.hpp"

#include "stores/sqlite.hpp"
#include "support/catch.hpp"
#include "support/run_in_thread.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

using namespace must_test;

namespace {

using records = std::vector<must::recorded<must::payload>>;

std::string bytes_of(const std::string& path) {
  std::ifstream from(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(from), {}};
}
void write(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}
records all_of(must::sqlite_store& store) {
  records all;
  static_cast<void>(store.read(must::query::all(), {}, [&](const auto& one) { all.push_back(one); }));
  return all;
}
must::cloud_event various(int n) {
  auto one =
      event("id-" + std::to_string(n), n % 3 == 0 ? "" : "s" + std::to_string(n % 3), {"t", "u" + std::to_string(n)});
  one.data =
      must::payload("text/plain", std::string(static_cast<std::size_t>(n * 37 % 700), static_cast<char>('a' + n)));
  if (n % 2 == 0) one.time = must::timestamp::parse("2026-01-01T12:00:00.000001Z").value();
  if (n % 4 == 0) one.extensions = {{"number", std::int32_t{n}}};
  return one;
}
// Every how many bytes one is damaged; MUST_TEST_EVERY_BYTE=1: each.
std::size_t stride(std::size_t usual) { return std::getenv("MUST_TEST_EVERY_BYTE") != nullptr ? 1 : usual; }

// What is read of a damaged store: the true events from the first on, until an error.
struct look {
  std::size_t seen = 0;
  bool is_true = true;
  bool is_named = true;  // whether the error says which file
  std::string error{};
};
look look_at(const std::string& path, const records& originals) {
  for (const char* end : {"-wal", "-shm"})
    if (std::string(end) != "-wal" || !std::filesystem::exists(path + ".keep")) std::filesystem::remove(path + end);
  look found;
  try {
    auto options = on(path);
    options.verify_reads = true;
    must::sqlite_store store(options);
    static_cast<void>(store.read(must::query::all(), {}, [&](const auto& one) {
      found.is_true = found.is_true && found.seen < originals.size() && one == originals[found.seen];
      ++found.seen;
    }));
  } catch (const must::storage_error& why) {
    found.error = why.what();
    found.is_named = found.error.find(path) != std::string::npos && !why.error().backend_code.empty();
  }
  return found;
}

}  // namespace

TEST_CASE("sqlite_store: Z1 of a file with a bit flipped the true events are read, or an error says where",
          "[sqlite]") {
  const temporary_folder folder;
  const auto path = folder.file();
  execute(path, "PRAGMA page_size = 512; CREATE TABLE mine(x)");  // small pages: every kind of them, in few bytes
  records originals;
  {
    must::sqlite_store store(on(path));
    for (int n = 0; n < 24; ++n) append(store, various(n)).value();
    originals = all_of(store);
  }
  const auto sound = bytes_of(path);
  REQUIRE(look_at(path, originals).seen == originals.size());
  std::size_t refused = 0;
  for (std::size_t at = 0; at < sound.size(); at += stride(13)) {
    auto damaged = sound;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << (at % 8)));
    write(path, damaged);
    const auto found = look_at(path, originals);
    INFO("byte " << at << " of " << sound.size() << ": " << found.seen << " events, then: " << found.error);
    REQUIRE(found.is_true);
    REQUIRE(found.is_named);
    REQUIRE((found.seen == originals.size() || !found.error.empty()));
    refused += found.error.empty() ? 0 : 1;
  }
  CHECK(refused > 0);
  write(path, sound);
  CHECK(look_at(path, originals).seen == originals.size());
}

TEST_CASE("sqlite_store: Z1 of a file that is cut the true events are read, or an error says where", "[sqlite]") {
  const temporary_folder folder;
  const auto path = folder.file();
  execute(path, "PRAGMA page_size = 512; CREATE TABLE mine(x)");
  records originals;
  {
    must::sqlite_store store(on(path));
    for (int n = 0; n < 24; ++n) append(store, various(n)).value();
    originals = all_of(store);
  }
  const auto sound = bytes_of(path);
  for (std::size_t size = 1; size < sound.size(); size += stride(29)) {
    write(path, sound.substr(0, size));
    const auto found = look_at(path, originals);
    INFO("cut to " << size << " of " << sound.size() << ": " << found.seen << " events, then: " << found.error);
    REQUIRE(found.is_true);
    REQUIRE(found.is_named);
    REQUIRE((found.seen == originals.size() || !found.error.empty()));
  }
}

TEST_CASE("sqlite_store: Z1 a log that is cut or damaged keeps whole what was appended before", "[sqlite]") {
  const temporary_folder folder;
  const auto live = folder.file("live"), path = folder.file("copy");
  { must::sqlite_store make(on(live)); }
  must::sqlite_store store(on(live));
  std::vector<std::size_t> ends;
  for (int n = 0; n < 6; ++n) {
    append(store, various(n)).value();
    ends.push_back(std::filesystem::file_size(live + "-wal"));
  }
  const auto originals = all_of(store);
  const auto file = bytes_of(live), log = bytes_of(live + "-wal");
  write(path + ".keep", "");
  for (const bool cut : {true, false})
    for (std::size_t at = 0; at < log.size(); at += stride(1'499)) {
      auto damaged = cut ? log.substr(0, at) : log;
      if (!cut) damaged[at] = static_cast<char>(damaged[at] ^ (1 << (at % 8)));
      write(path, file);
      write(path + "-wal", damaged);
      const auto found = look_at(path, originals);
      const auto whole =
          static_cast<std::size_t>(std::count_if(ends.begin(), ends.end(), [&](auto end) { return end <= at; }));
      INFO((cut ? "cut at " : "damaged at ") << at << " of " << log.size() << ": " << found.error);
      REQUIRE(found.is_true);
      REQUIRE(found.error.empty());
      REQUIRE(found.seen >= whole);
    }
}

TEST_CASE("sqlite_store: Z1 verify names what is damaged, in events, tags and indexes", "[sqlite]") {
  const temporary_folder folder;
  const auto path = folder.file();
  must::sqlite_store store(on(path));
  for (int n = 0; n < 300; ++n) append(store, various(n % 2 == 0 ? n : n)).value();
  CHECK_NOTHROW(store.verify());
  const auto told = [&](const std::string& damage, const std::string& mend) {
    execute(path, damage);
    const auto why = failure_of([&] { store.verify(); });
    execute(path, mend);
    CHECK(why.operation == "verify");
    CHECK(why.backend_code == "SQLITE_CORRUPT (11)");
    CHECK_NOTHROW(store.verify());
    return why.message;
  };
  const auto at_7 = [&](const std::string& column, const std::string& wrong) {
    execute(path, "CREATE TABLE kept AS SELECT * FROM must_event WHERE position = 7");
    return told(
        "UPDATE must_event SET " + column + " = " + wrong + " WHERE position = 7",
        "UPDATE must_event SET " + column + " = (SELECT " + column + " FROM kept) WHERE position = 7; DROP TABLE kept");
  };
  for (const auto& [column, wrong] : std::vector<std::pair<std::string, std::string>>{{"data", "x'00'"},
                                                                                      {"type", "'Other'"},
                                                                                      {"id", "'other'"},
                                                                                      {"source", "'/other'"},
                                                                                      {"time", "9"},
                                                                                      {"recorded_at", "9"},
                                                                                      {"version", "900"},
                                                                                      {"append_size", "2"},
                                                                                      {"attributes", "x'580161'"},
                                                                                      {"content_type", "'text/html'"},
                                                                                      {"tags", "x'0174'"},
                                                                                      {"digest", "x'00'"}}) {
    INFO(column);
    CHECK(at_7(column, wrong).find("position 7") != std::string::npos);
  }
  CHECK(told("DELETE FROM must_tag WHERE tag = 'u5'", "INSERT INTO must_tag VALUES ('u5', 6, 'Noted')")
            .find("position 6") != std::string::npos);
  CHECK(told("INSERT INTO must_tag VALUES ('zz', 3, 'Noted')", "DELETE FROM must_tag WHERE tag = 'zz'").find("tags") !=
        std::string::npos);
  execute(path, "CREATE TABLE kept AS SELECT * FROM must_event WHERE position = 9");
  CHECK(told("DELETE FROM must_event WHERE position = 9", "INSERT INTO must_event SELECT * FROM kept")
            .find("position 9") != std::string::npos);
  // Reading notices a missing row at once, verified or not.
  execute(path, "DELETE FROM must_event WHERE position = 9");
  for (const auto& which : {must::query::all(), must::query::of_tags({"t", "u8"})})
    CHECK(failure_of([&] { count(store, which); }).message.find("position 9") != std::string::npos);
}

TEST_CASE("sqlite_store: Z3 an append that is broken off at any step stores nothing, and can be sent again",
          "[sqlite]") {
  must::sqlite_store store({.mode = must::sqlite_mode::in_memory});
  static int left = 0;
  left = 0;
  auto first = event("first");
  const auto install = [](must::sqlite_transaction& in) {
    ::sqlite3_progress_handler(in.handle, 1, [](void*) { return left > 0 && --left == 0 ? 1 : 0; }, nullptr);
  };
  store.append_with(std::span(&first, 1), {}, install).value();
  const std::vector sent{event("a", "s", {"t", "u"}), event("b", "s")};
  int broken = 0;
  for (int step = 1;; ++step) {
    auto events = sent;
    left = step;
    try {
      const auto done = store.append(std::span(events), {.query = must::query::of_tags({"u"})});
      CHECK(done.value() == must::appended{2, 3});
      break;  // it came to its end
    } catch (const must::storage_error& why) {
      ++broken;
      INFO(why.what() << " at step " << step);
      REQUIRE(why.error().backend_code == "SQLITE_INTERRUPT (9)");
      REQUIRE(why.error().retryable);
    }
    left = 0;
    REQUIRE(store.head() == 1);
    REQUIRE(store.version("s") == 1);
    REQUIRE(count(store, must::query::of_tags({"u"})) == 0);
  }
  left = 0;
  CHECK(broken > 20);
  CHECK(store.head() == 3);
  CHECK_NOTHROW(store.verify());
}

TEST_CASE("sqlite_store: Z9 who follows a store that was restored is told so", "[sqlite]") {
  const temporary_folder folder;
  const auto path = folder.file(), saved = folder.file("saved"), older = folder.file("older");
  must::position last = 0;
  const auto follow = [&](must::sqlite_store& store) {
    must::subscription follows(store, "view", must::query::all(), [&](const auto& one) { last = one.position; });
    follows.run_once();
  };
  {
    must::sqlite_store store(on(path));
    for (int n = 0; n < 5; ++n) append(store, various(n)).value();
    follow(store);
    store.backup(older);
    store.backup(saved);
    for (int n = 5; n < 8; ++n) append(store, various(n)).value();
    follow(store);
    CHECK(last == 8);
    CHECK(store.history().substr(36) == ".1");
  }
  const auto put_back = [&](const std::string& from) {
    for (const char* end : {"-wal", "-shm"}) std::filesystem::remove(path + end);
    std::filesystem::copy_file(from, path, std::filesystem::copy_options::overwrite_existing);
  };
  put_back(saved);
  std::string restored;
  {
    must::sqlite_store store(on(path));
    restored = store.history();
    CHECK(restored.substr(36) != ".1");
    for (int n = 15; n < 20; ++n) append(store, various(n)).value();
    CHECK_THROWS_AS(follow(store), must::history_changed);
  }
  put_back(older);
  {
    must::sqlite_store store(on(path));
    CHECK(store.history().substr(0, 36) == restored.substr(0, 36));
    CHECK(store.history() != restored);
    CHECK_THROWS_AS(follow(store), must::history_changed);
  }
  // Put back by hand, it is as it was: nothing in it tells, until it is marked.
  {
    must::sqlite_store store(on(path));
    const auto before = store.history();
    store.put("must/subscription/view", "", store.get("must/subscription/view")->revision);
    store.mark_restored();
    CHECK(store.history() != before);
    must::sqlite_store again(on(path));
    CHECK(again.history() == store.history());
  }
}

TEST_CASE("sqlite_store: Z9 who follows a store while it is restored is told so", "[sqlite]") {
  for (const unsigned lanes : {1U, 2U})
    for (const bool has_grown : {false, true})
      for (const bool knew_it : {false, true}) {
        INFO(lanes << " lanes, " << (has_grown ? "longer than before" : "shorter") << ", the follower is "
                   << (knew_it ? "" : "not ") << "in the copy");
        const temporary_folder folder;
        const auto path = folder.file(), saved = folder.file("saved");
        must::sqlite_store store(on(path));
        std::atomic<must::position> last{0};
        std::atomic<bool> holds{false};
        std::atomic<int> wrong{0};
        must::subscription follows(store, "view", must::query::all(),
                                   [&](const auto& one) {
                                     last = one.position;
                                     while (holds) std::this_thread::sleep_for(std::chrono::milliseconds(1));
                                     if (one.id.starts_with("new")) ++wrong;
                                   },
                                   {.lanes = lanes,
                                    .save_every = 1,
                                    .save_interval = must::duration(20'000),
                                    .lease = must::duration(60'000)});
        std::optional<must::error> ended;
        auto runs = must_test::run_in_thread(follows, ended);
        for (int n = 0; n < 5; ++n) append(store, various(n)).value();
        if (knew_it) REQUIRE(follows.wait_until(5, std::chrono::seconds(60)));
        store.backup(saved);
        for (int n = 5; n < 8; ++n) append(store, various(n)).value();
        while (follows.health().saved != 8) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        if (has_grown) {  // while a handler runs, so that the follower does not see it grow
          holds = true;
          append(store, various(8)).value();
          while (last != 9) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        copy_into(path, saved);
        if (has_grown)
          for (int n = 0; n < 9; ++n) append(store, event("new" + std::to_string(n))).value();
        holds = false;
        runs.join();
        REQUIRE(ended);
        INFO(ended->message);
        CHECK(ended->code == must::error_code::history_changed);
        if (lanes == 1) CHECK(wrong == 0);
      }
}

namespace {

struct Kept {
  static constexpr auto type = "Kept";
  int number;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Kept, number)
struct Count {
  using events = must::events<Kept>;
  int all = 0;
  void apply(const Kept&) { ++all; }
};

}  // namespace

TEST_CASE("sqlite_store: Z9 a projection in memory of a store that is restored under it is told so", "[sqlite]") {
  for (const int grown : {0, 3, 9}) {
    INFO("it grows by " << grown);
    const temporary_folder folder;
    const auto path = folder.file(), saved = folder.file("saved");
    must::sqlite_store store(on(path));
    auto view = must::projection<Count>(store, "view");
    for (int n = 0; n < 5; ++n) must::append(store, Kept{n});
    store.backup(saved);
    for (int n = 0; n < 3; ++n) must::append(store, Kept{n});
    CHECK(view.run_once() == 8);
    copy_into(path, saved);
    for (int n = 0; n < grown; ++n) must::append(store, Kept{n});
    for (int look = 0; look < 2; ++look) CHECK_THROWS_AS(view.run_once(), must::history_changed);
    CHECK(view.state().all == 8);
    auto again = must::projection<Count>(store, "view");
    CHECK(again.run_once() == static_cast<must::position>(5 + grown));
  }
}

TEST_CASE("sqlite_store: R5 a long read leaves no growing log and no open transaction behind", "[sqlite]") {
  const temporary_folder folder;
  auto options = on(folder.file());
  options.checkpoint_pages = 50;
  options.page_events = 16;
  must::sqlite_store store(options);
  for (int n = 0; n < 1'000; ++n) append(store, event(new_id())).value();
  std::size_t largest = 0, seen = 0;
  static_cast<void>(store.read(must::query::all(), {}, [&](const auto&) {
    append(store, event(new_id())).value();
    largest = std::max<std::size_t>(largest, std::filesystem::file_size(folder.file() + "-wal"));
    ++seen;
  }));
  CHECK(seen == 1'000);
  CHECK(largest < std::size_t{200} * 4'200);
  ::sqlite3* other = nullptr;
  REQUIRE(::sqlite3_open(folder.file().c_str(), &other) == SQLITE_OK);
  CHECK(texts(other, "SELECT max(position) FROM must_event") == std::vector<std::string>{"2000"});
  CHECK(::sqlite3_wal_checkpoint_v2(other, nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr) == SQLITE_OK);
  ::sqlite3_close(other);
  CHECK(std::filesystem::file_size(folder.file() + "-wal") == 0);  // nobody reads what was in it
}

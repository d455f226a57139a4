// SPDX-License-Identifier: MIT
// sqlite_store: tags that wait for their index are bounded by their number and bytes, and so is what an append does for
// those of others.
#include "must/storage/sqlite.hpp"

#include "must/must.hpp"

#include "stores/sqlite.hpp"
#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/temporary_folder.hpp"

#include <sqlite3.h>

#include <sys/resource.h>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

using namespace must_test;

namespace {

constexpr int tags_each = 1'000;

must::cloud_event tagged(const std::string& id, const std::string& prefix = "tag-") {
  std::vector<std::string> tags;
  for (int i = 0; i < tags_each; ++i) tags.push_back(prefix + std::to_string(i));
  return event(id, "", must::tag_set(tags));
}

// The rows that the connection which writes has changed.
class changed_rows {
 public:
  explicit changed_rows(must::sqlite_store& store) {
    auto one = event(new_id(), "", {});
    store.append_with(std::span(&one, 1), {}, [&](auto& in) { handle_ = in.handle; }).value();
  }
  // Returns how many rows an append changes.
  int by(must::sqlite_store& store, const must::cloud_event& one) const {
    const auto before = ::sqlite3_total_changes(handle_);
    append(store, one).value();
    return ::sqlite3_total_changes(handle_) - before;
  }

 private:
  ::sqlite3* handle_ = nullptr;
};

// A file as it was left by who let any number of tags wait: `events` events of 1,000 tags, none of which is in the
// index.
void make_with_waiting(const std::string& path, int events) {
  {
    must::sqlite_store store(on(path));
    append(store, tagged("1")).value();
  }
  execute(path,
          "DELETE FROM must_tag; UPDATE must_store SET indexed = 0;"
          "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < " +
              std::to_string(events) +
              ") INSERT INTO must_event(position, version, type, id, source, recorded_at, append_offset, append_size, "
              "digest, state, content_type, tags, attributes, data) SELECT i, 0, type, i, source, recorded_at, 0, 1, "
              "digest, state, content_type, tags, attributes, data FROM n, must_event WHERE position = 1");
}

}  // namespace

TEST_CASE("sqlite_store: an append indexes a bounded number of tags of others, however many wait", "[sqlite]") {
  const temporary_folder folder;
  make_with_waiting(folder.file(), 4'200);
  must::sqlite_store store({.path = folder.file(), .durability = must::sqlite_durability::normal});
  const changed_rows rows(store);
  const auto tag = must::query::of_tags({"tag-7"});
  for (int i = 0; i < 5; ++i) {
    const auto changed = rows.by(store, event(new_id(), "", {}));
    CHECK(changed >= 1'000);  // What waits becomes less.
    CHECK(changed <= 2'100);
    using list = std::vector<must::position>;
    CHECK(positions(store, tag, {.after = 2, .limit = 3}) == list{3, 4, 5});
    CHECK(positions(store, tag, {.after = 4'198}) == list{4'199, 4'200});
    CHECK(positions(store, tag, {.order = must::direction::backwards, .limit = 2}) == list{4'200, 4'199});
  }
  std::uint64_t sum = 0;
  static_cast<void>(store.read(tag, {}, [&](const auto& one) { sum += one.position; }));
  CHECK(sum == 4'200U * 4'201U / 2);
  CHECK_FALSE(append(store, event("late", "", {}), {.query = tag, .after = 4'199}).stored());
  CHECK(append(store, event("late", "", {}), {.query = tag, .after = 4'200}).stored());
}

TEST_CASE("sqlite_store: events of many tags do not wait for as many events as others do", "[sqlite]") {
  const temporary_folder folder;
  auto options = on(folder.file(), 1'000'000);
  must::sqlite_store store(options);
  const changed_rows rows(store);
  int most = 0;
  for (int i = 0; i < 200; ++i)
    most = std::max(most, rows.by(store, tagged(std::to_string(i), "e" + std::to_string(i) + "-")));
  CHECK(most <= 3'200);  // The tags of its own event, as many for others, and those of one event more.
  const auto waiting =
      texts(folder.file(), "SELECT ifnull(sum(length(tags)), 0) FROM must_event, must_store WHERE position > indexed");
  CHECK(std::stol(waiting.at(0)) <= 540'000);
  for (int i = 0; i < 200; ++i) CHECK(count(store, must::query::of_tags({"e" + std::to_string(i) + "-7"})) == 1);
  store.verify();
}

TEST_CASE("sqlite_store: events without tags are few at a time, too", "[sqlite]") {
  const temporary_folder folder;
  {
    must::sqlite_store store(on(folder.file(), 1'000'000));
    std::vector<must::cloud_event> many;
    for (int i = 0; i < 5'000; ++i) many.push_back(event(std::to_string(i), "", {}));
    store.append(std::span(many), {}).value();
  }
  must::sqlite_store store(on(folder.file(), 10));
  append(store, event("next")).value();
  const auto indexed = std::stol(texts(folder.file(), "SELECT indexed FROM must_store").at(0));
  CHECK(indexed >= 1'000);
  CHECK(indexed <= 1'100);
}

TEST_CASE("sqlite_store: who asks for a tag needs little memory, however many tags wait", "[sqlite][process]") {
  const temporary_folder folder;
  make_with_waiting(folder.file(), 4'200);
  const auto child = start_process([&] {
    const auto peak = [] {
      ::rusage used{};
      ::getrusage(RUSAGE_SELF, &used);
      return used.ru_maxrss;  // In KiB.
    };
    must::sqlite_store store({.path = folder.file(), .durability = must::sqlite_durability::normal, .page_events = 8});
    const auto before = peak();
    std::size_t found = 0;
    static_cast<void>(store.read({must::query_item{.types = {"Noted"}, .tags = {"tag-7"}}}, {.limit = 10},
                                 [&](const auto&) { ++found; }));
    if (found != 10) throw std::runtime_error("not found");
    if (const auto took = peak() - before; took > 48 * 1'024)
      throw std::runtime_error("a query of a tag took " + std::to_string(took) + " KiB");
  });
  CHECK(wait_for_process(child) == 0);
}

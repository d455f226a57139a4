// SPDX-License-Identifier: MIT
// sqlite_store: tags wait in memory until many are written into their index at once, and nobody can tell.
#include "must/storage/sqlite.hpp"

#include "stores/sqlite.hpp"
#include "support/catch.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <latch>
#include <numeric>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace must_test;

const must::query of_t = must::query::of_tags({"t"});

std::string indexed(const std::string& path) { return texts(path, "SELECT indexed FROM must_store").at(0); }
std::string rows(const std::string& path) { return texts(path, "SELECT count(*) FROM must_tag").at(0); }

// The tables of version 1, which had no `indexed`, with what is stored.
void make_version_1(const std::string& path) {
  execute(path,
          "ALTER TABLE must_store DROP COLUMN indexed;"
          "UPDATE must_store SET schema_version = 1, min_reader = 1, min_writer = 1");
}

}  // namespace

TEST_CASE("sqlite_store: tags are written into their index when enough events wait", "[sqlite]") {
  const temporary_folder folder;
  const auto path = folder.file();
  must::sqlite_store store(on(path, 4));
  for (must::position n = 1; n <= 10; ++n) {
    append(store, event("e" + std::to_string(n), "s", n % 2 == 0 ? must::tag_set{"t", "even"} : must::tag_set{"t"}))
        .value();
    CHECK(indexed(path) == std::to_string(n / 4 * 4));
    CHECK(rows(path) == std::to_string(n / 4 * 6));
    CHECK(positions(store, of_t).size() == n);
    CHECK(positions(store, must::query::of_tags({"t", "even"})).size() == n / 2);
  }
  using list = std::vector<must::position>;
  CHECK(positions(store, of_t, {.order = must::direction::backwards}) == list{10, 9, 8, 7, 6, 5, 4, 3, 2, 1});
  CHECK(positions(store, of_t, {.after = 6, .until = 9}) == list{7, 8, 9});
  CHECK(positions(store, of_t, {.order = must::direction::backwards, .limit = 1}) == list{10});
  CHECK(positions(store, must::query::of_tags({"even"}), {.after = 7}) == list{8, 10});
  CHECK(positions(store, {must::query_item{.types = {"Other"}, .tags = {"t"}}}).empty());
  CHECK_NOTHROW(store.verify());

  // As many in one append, and in one batch.
  std::vector<must::cloud_event> many;
  for (int i = 0; i < 5; ++i) many.push_back(event("m" + std::to_string(i)));
  store.append(std::span(many), {}).value();
  CHECK(indexed(path) == "15");
  CHECK(positions(store, of_t).size() == 15);

  // Whoever reads the tables on their own lets none wait.
  must::sqlite_store at_once(on(path, 1));
  append(at_once, event("last")).value();
  CHECK(indexed(path) == "16");
  CHECK(positions(store, of_t, {.after = 14}) == list{15, 16});
}

TEST_CASE("sqlite_store: tags that wait count for conditions, whoever wrote them", "[sqlite]") {
  const temporary_folder folder;
  must::sqlite_store left(on(folder.file(), 100)), right(on(folder.file(), 100));
  const auto after = [](must::position at) { return must::append_condition{.query = of_t, .after = at}; };
  append(left, event("a")).value();
  CHECK_FALSE(append(right, event("b"), after(0)).stored());
  append(right, event("b"), after(1)).value();
  CHECK_FALSE(append(left, event("c"), after(1)).stored());

  // What a transaction adds counts for the rest of it, and for nobody when it is rolled back.
  auto c = event("c", "s", {"u"});
  const auto fails = [](must::sqlite_transaction&) { throw std::runtime_error("no"); };
  CHECK_THROWS_AS(static_cast<void>(left.append_with(std::span(&c, 1), {}, fails)), std::runtime_error);
  CHECK(positions(left, must::query::of_tags({"u"})).empty());
  auto d = event("d", "s", {"u"}), e = event("e", "s", {"u"}), f = event("f", "s", {"v"});
  const must::append_condition nothing_of_u{.query = must::query::of_tags({"u"}), .after = 2};
  std::vector<must::batch_item<must::payload>> items{
      {std::span(&d, 1), nothing_of_u}, {std::span(&e, 1), nothing_of_u}, {std::span(&f, 1), {}}};
  const auto done = left.append_batch(items);
  CHECK(done[0]->stored());
  CHECK_FALSE(done[1]->stored());
  CHECK(done[2]->stored());
  for (auto* store : {&left, &right}) {
    CHECK(positions(*store, must::query::of_tags({"u"})) == std::vector<must::position>{3});
    CHECK(positions(*store, must::query::of_tags({"v"})) == std::vector<must::position>{4});
  }
}

TEST_CASE("sqlite_store: who sees an older moment finds what waited then", "[sqlite]") {
  const temporary_folder folder;
  must::sqlite_store store(on(folder.file(), 4));
  for (const auto* id : {"a", "b", "c"}) append(store, event(id)).value();
  must::detail::sqlite::sqlite_file file(on(folder.file()));
  const must::detail::sqlite::sqlite_file::reader early(file, "read"), late(file, "read");
  const must::detail::sqlite::sqlite_snapshot before(*early, file.recent());
  const auto found = [](const must::detail::sqlite::sqlite_snapshot& by) {
    return by.moment().unindexed({"t", {}, 1, by.head()});
  };
  using list = std::vector<must::position>;
  for (const auto* id : {"d", "e", "f"}) append(store, event(id)).value();
  REQUIRE(indexed(folder.file()) == "4");
  {
    const must::detail::sqlite::sqlite_snapshot after(*late, file.recent());
    CHECK(found(after) == list{5, 6});
  }
  CHECK(found(before) == list{1, 2, 3});
  const must::detail::sqlite::sqlite_snapshot after(*late, file.recent());
  CHECK(found(after) == list{5, 6});
}

namespace {

// Which tags the event at each position has, from 1; and what is asked of it, in whichever way.
struct scanned_log {
  std::vector<must::tag_set> tags{{}};

  [[nodiscard]] std::vector<must::position> find(const must::tag_set& all, const must::kit::read_bounds& in) const {
    std::vector<must::position> found;
    for (auto at = in.low; at <= in.high; ++at)
      if (std::includes(tags[at].begin(), tags[at].end(), all.begin(), all.end())) found.push_back(at);
    if (in.order == must::direction::backwards) std::reverse(found.begin(), found.end());
    return found;
  }
};
std::vector<must::position> in_pages(const must::detail::sqlite::sqlite_moment& as_of, const must::query& which,
                                     must::kit::read_bounds window, std::size_t rows) {
  std::vector<must::position> found;
  must::detail::sqlite::sqlite_page page;
  for (bool more = true; more;) {
    page.start(rows, 1'000);
    more = must::detail::sqlite::fill(as_of, which, window, page);
    for (const auto& one : page.rows()) found.push_back(one.position);
    if (more) must::detail::sqlite::move_beyond(window, which, page.rows().back());
  }
  return found;
}

}  // namespace

TEST_CASE("sqlite_store: whoever asks, as of whichever moment, finds what a scan finds", "[sqlite]") {
  struct moment {
    explicit moment(must::detail::sqlite::sqlite_file& file) : on(file, "read"), seen(*on, file.recent()) {}
    must::detail::sqlite::sqlite_file::reader on;
    must::detail::sqlite::sqlite_snapshot seen;
  };
  const auto seed = GENERATE(range(0U, 30U));
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  const auto some_tags = [&](std::size_t most) {
    std::vector<std::string> tags;
    for (auto n = below(most + 1); n > 0; --n) tags.emplace_back(1, static_cast<char>('a' + below(4)));
    return must::tag_set(tags);
  };
  const std::uint64_t waits[] = {1, 2, 3, 7, 50, 0};
  const temporary_folder folder;
  must::sqlite_store left(on(folder.file(), waits[below(6)])), right(on(folder.file(), waits[below(6)]));
  must::detail::sqlite::sqlite_file file(on(folder.file()));
  std::deque<moment> held;
  scanned_log log;
  for (int round = 0; round < 200; ++round) {
    auto& store = below(2) == 0 ? left : right;
    const auto head = log.tags.size() - 1;
    const auto tags = must::tag_set(std::vector<std::string>{"a", std::string(1, static_cast<char>('a' + below(4)))});
    const auto which = must::query::of_tags({tags.begin(), tags.end()});
    const auto order = below(2) == 0 ? must::direction::forwards : must::direction::backwards;
    const auto low = 1 + below(head + 1);
    switch (below(6)) {
      case 0:
      case 1: {
        auto one = event(std::to_string(round), "s", some_tags(3));
        const auto newest = log.find(tags, {must::direction::backwards, low, head});
        const bool asks = below(2) == 0;
        const auto done = append(
            store, one, asks ? must::append_condition{.query = which, .after = low - 1} : must::append_condition{});
        REQUIRE(done.stored() == (!asks || newest.empty()));
        if (!done.stored()) REQUIRE(done.why().actual == newest.front());
        if (done.stored()) log.tags.push_back(one.tags);
        break;
      }
      case 2:
        REQUIRE(positions(store, which, {.order = order, .after = low - 1}) == log.find(tags, {order, low, head}));
        break;
      case 3:
        if (held.size() < 6)
          held.emplace_back(file);
        else
          held.pop_front();
        break;
      case 4:
        if (below(4) == 0)
          store.mark_restored();
        else
          store.put("cell" + std::to_string(round), "", 0);
        break;
      default:
        for (const auto& one : held) {
          const must::kit::read_bounds window{order, std::min(low, one.seen.head() + 1), one.seen.head()};
          REQUIRE(in_pages(one.seen.moment(), which, window, 1 + below(4)) == log.find(tags, window));
        }
    }
  }
  held.clear();
  CHECK_NOTHROW(left.verify());
  check_sound(folder.file());
}

TEST_CASE("sqlite_store: readers find each tag once while it moves into the index", "[sqlite][race]") {
  const temporary_folder folder;
  must::sqlite_store writing(on(folder.file(), 3)), reading(on(folder.file(), 3));
  std::atomic<bool> is_over{false};
  std::jthread writer([&] {
    for (int i = 0; i < 200; ++i) append(writing, event(new_id())).value();
    is_over = true;
  });
  std::atomic<int> wrong{0};
  std::vector<std::jthread> readers;
  for (auto* store : {&writing, &reading})
    for (const auto order : {must::direction::forwards, must::direction::backwards})
      readers.emplace_back([&, store, order] {
        for (bool last = false; !last;) {
          last = is_over;
          std::vector<must::position> found;
          const auto done =
              store->read(of_t, {.order = order}, [&](const auto& one) { found.push_back(one.position); });
          std::vector<must::position> all(done.head);
          std::iota(all.begin(), all.end(), must::position{1});
          if (order == must::direction::backwards) std::reverse(all.begin(), all.end());
          if (found != all) ++wrong;
        }
      });
  readers.clear();
  CHECK(wrong == 0);
}

TEST_CASE("sqlite_store: a history that is put back is known by its incarnation", "[sqlite]") {
  const temporary_folder folder;
  must::sqlite_store store(on(folder.file(), 100));
  for (const auto* id : {"a", "b", "c"}) append(store, event(id)).value();
  CHECK(positions(store, of_t).size() == 3);
  execute(folder.file(),
          "DELETE FROM must_event WHERE position = 3; UPDATE must_event SET tags = NULL WHERE position = 2");
  store.mark_restored();
  CHECK(positions(store, of_t) == std::vector<must::position>{1});
  append(store, event("d", "s", {"u"}), {.query = of_t, .after = 1}).value();
}

TEST_CASE("sqlite_store: Z2 a file of version 1 is brought up to date when it is opened", "[sqlite]") {
  const temporary_folder folder;
  const auto path = folder.file();
  {
    must::sqlite_store store(on(path, 1));
    for (const auto* id : {"a", "b", "c"}) append(store, event(id)).value();
    store.put("k", "v", 0);
  }
  make_version_1(path);
  auto reading = on(path);
  reading.mode = must::sqlite_mode::read_only;
  const auto refused = failure_of([&] { must::sqlite_store store(reading); });
  CHECK(refused.operation == "open");
  CHECK(refused.message.find("version 1") != std::string::npos);
  CHECK(texts(path, "SELECT schema_version FROM must_store") == std::vector<std::string>{"1"});
  {
    std::latch together(4);
    std::atomic<int> opened{0};
    std::vector<std::jthread> opening;
    for (int i = 0; i < 4; ++i)
      opening.emplace_back([&] {
        together.arrive_and_wait();
        must::sqlite_store store(on(path));
        if (positions(store, of_t).size() >= 3 && append(store, event(new_id())).stored()) ++opened;
      });
    opening.clear();
    CHECK(opened == 4);
  }
  must::sqlite_store store(on(path));
  CHECK(positions(store, of_t).size() == 7);
  CHECK(store.get("k") == must::cell{"v", 1});
  CHECK(append(store, event("a")).value() == must::appended{1, 1});
  CHECK_NOTHROW(store.verify());
  check_sound(path);

  // By hand, too; and it is as one that was made new.
  must::sqlite_store at_once(on(path, 1));
  append(at_once, event("last")).value();
  make_version_1(path);
  execute(path, must::sqlite_store::schema(1));
  CHECK_NOTHROW(store.verify());
  { must::sqlite_store made(on(folder.file("new"))); }
  const std::string columns =
      "SELECT m.name || ' ' || c.name || ' ' || c.type || ' ' || c.\"notnull\" || c.pk || ifnull(c.dflt_value, '') "
      "FROM sqlite_master m, pragma_table_info(m.name) c ORDER BY m.name, c.cid";
  CHECK(texts(path, columns) == texts(folder.file("new"), columns));
  const std::string versions = "SELECT schema_version || min_reader || min_writer FROM must_store";
  CHECK(texts(path, versions) == texts(folder.file("new"), versions));
  const std::string indexes = "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY name";
  CHECK(texts(path, indexes) == texts(folder.file("new"), indexes));
}

TEST_CASE("sqlite_store: Z1 verify sees an index of tags that says it has more than it has", "[sqlite]") {
  const temporary_folder folder;
  const auto path = folder.file();
  must::sqlite_store store(on(path, 4));
  for (const auto* id : {"a", "b", "c", "d", "e"}) append(store, event(id)).value();
  CHECK_NOTHROW(store.verify());
  execute(path, "UPDATE must_store SET indexed = 5");
  CHECK(failure_of([&] { store.verify(); }).message.find("position 5") != std::string::npos);
  execute(path, "UPDATE must_store SET indexed = 3");
  CHECK(failure_of([&] { store.verify(); }).message.find("index of tags") != std::string::npos);
  execute(path, "UPDATE must_store SET indexed = 6");
  const auto refused = failure_of([&] { append(store, event("f")).value(); });
  CHECK(refused.operation == "append");
  CHECK(refused.message.find("position 6") != std::string::npos);
}

// SPDX-License-Identifier: MIT
// sqlite_store and group_commit where an allocation fails, and how much a store keeps.
#include "must/storage/sqlite.hpp"
#include "must/storage/group_commit.hpp"
#include "must/storage/memory.hpp"

#include "out_of_memory/failing_memory.hpp"
#include "stores/sqlite.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <latch>
#include <new>
#include <numeric>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace must_test;
using list = std::vector<must::position>;

const must::query of_t = must::query::of_tags({"t"}), of_u = must::query::of_tags({"u"});

}  // namespace

TEST_CASE("sqlite_store: an allocation that fails loses no tag, and shows none that is not stored", "[sqlite]") {
  for (const std::uint64_t unindexed : {2U, 100U})
    for (const bool in_batch : {false, true}) {
      long nth = 0;
      for (bool is_over = false; !is_over; ++nth) {
        INFO("allocation " << nth << (in_batch ? " of a batch, " : ", ") << unindexed << " events may wait");
        const temporary_folder folder;
        must::sqlite_store store(on(folder.file(), unindexed)), other(on(folder.file(), 100));
        for (const auto* id : {"a", "b", "c"}) append(store, event(id)).value();
        REQUIRE(positions(store, of_t) == list{1, 2, 3});
        append(other, event("d")).value();
        std::vector two{event("e", "s", {"t", "u"}), event("f", "s", {"t", "u"})};
        auto third = event("g", "s", {"u"});
        const must::append_condition none{
            .query = {must::query_item{.tags = {"t", "u"}}, must::query_item{.tags = {"u"}}}, .after = 2};
        std::vector<must::batch_item<must::payload>> items{{std::span(two), none}, {std::span(&third, 1), none}};
        bool is_first = false, is_second = false;  // which of the items is stored
        const auto [done, failed] = attempt(nth, [&] {
          if (in_batch) {
            const auto results = store.append_batch(items);
            is_first = results[0].has_value() && results[0]->stored();
            is_second = results[1].has_value() && results[1]->stored();
          } else {
            is_first = store.append(two, none).stored();
          }
        });
        is_over = !failed;  // what fails after the commit, where tags are kept, is no failure of the append
        REQUIRE(done == (in_batch ? is_first != is_second : is_first));
        const auto head = store.head();
        REQUIRE(head == (is_first ? 6U : is_second ? 5U : 4U));
        list with_t(is_first ? 6 : 4);
        std::iota(with_t.begin(), with_t.end(), must::position{1});
        const auto with_u = is_first ? list{5, 6} : is_second ? list{5} : list{};
        for (auto* one : {&store, &other}) {
          REQUIRE(positions(*one, of_t) == with_t);
          REQUIRE(positions(*one, of_u) == with_u);
          REQUIRE_FALSE(append(*one, event("h"), {.query = of_t, .after = with_t.back() - 1}).stored());
        }
        REQUIRE(append(other, event("i", "s", {"u"}), {.query = of_u, .after = 4}).stored() == with_u.empty());
        REQUIRE_NOTHROW(store.verify());
      }
      CHECK(nth > 10);
    }
}

TEST_CASE("sqlite_store: no tag is kept for longer than it waits, whoever writes it into the index", "[sqlite]") {
  const temporary_folder folder;
  must::sqlite_store appends(on(folder.file(), 1'000'000)), indexes(on(folder.file(), 1));
  append(appends, event("first")).value();
  REQUIRE(positions(appends, of_t).size() == 1);
  auto append_some = [&, n = std::uint64_t{0}](int count) mutable {
    for (int i = 0; i < count; ++i, ++n) {
      append(appends, event(new_id(), "s", {"t", new_id()})).value();
      REQUIRE(indexes.put("cell", "", n));
    }
    return live.load();
  };
  const auto some = append_some(100), many = append_some(1'000);
  CHECK(many < some + 500);
  CHECK(positions(appends, of_t).size() == 1'101);
}

TEST_CASE("group_commit: a commit that fails where no memory is left fails each of its appends, and no other",
          "[storage]") {
  struct short_of_memory : must::memory_store<> {
    must::append_result append(std::span<event> events, const must::append_condition& condition) {
      if (std::exchange(is_first, false)) {
        held.count_down();
        open.wait();
      }
      return must::memory_store<>::append(events, condition);
    }
    static std::vector<must::result<must::append_result>> append_batch(std::span<must::batch_item<must::payload>>) {
      must::error why{.code = must::error_code::storage_error, .message = std::string(100, '!')};
      left = 0;
      fails_for_ever = true;
      throw must::storage_error(std::move(why));
    }
    bool is_first = true;
    std::latch held{1}, open{1};
  };
  short_of_memory store;
  must::group_commit shared(store);
  std::atomic<int> stored{0}, failed{0};
  const auto append_one = [&] {
    auto one = event(new_id());
    try {
      shared.append(std::span(&one, 1), {}).value();
      ++stored;
    } catch (const std::bad_alloc&) {
      left = -1;
      fails_for_ever = false;
      ++failed;
    }
  };
  std::vector<std::jthread> threads;
  threads.emplace_back(append_one);
  store.held.wait();
  for (int i = 0; i < 3; ++i) threads.emplace_back(append_one);
  while (shared.waiting() < 3) std::this_thread::yield();
  store.open.count_down();
  threads.clear();
  CHECK(stored == 1);
  CHECK(failed == 3);
  append_one();
  CHECK(stored == 2);
  CHECK(shared.waiting() == 0);
}

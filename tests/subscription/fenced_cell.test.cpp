// SPDX-License-Identifier: MIT
#include "must/subscription/fenced_cell.hpp"

#include "must/storage/memory.hpp"
#include "must/subscription/attempts.hpp"
#include "must/subscription/parked.hpp"

#include "support/catch.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace {

using store = must::memory_store<>;
using must::detail::following::ownership;
using fenced_cell = must::detail::following::fenced_cell<store>;
using fields = std::vector<std::string>;

const ownership former{"former", 1, 1'000};
const ownership later{"later", 2, 1'000};

}  // namespace

TEST_CASE("fenced_cell: no write of a former owner succeeds, however often it tries", "[subscription]") {
  store events;
  fenced_cell mine(events, "cell");
  mine.take(former);
  REQUIRE(mine.write({"1"}));
  fenced_cell theirs(events, "cell");
  theirs.take(later);
  CHECK(theirs.fields() == fields{"1"});

  for (int attempt = 0; attempt < 3; ++attempt) {
    CHECK_FALSE(mine.write({"2"}));
    CHECK_FALSE(mine.give_up());
  }
  CHECK(theirs.write({"3"}));
  CHECK_FALSE(mine.write({"2"}));
  CHECK(must::detail::following::owned_fields::of(events.get("cell")->bytes).fields == fields{"3"});
}

TEST_CASE("fenced_cell: a former owner that comes late does not take the cell of the later one", "[subscription]") {
  store events;
  fenced_cell theirs(events, "cell");
  theirs.take(later);
  REQUIRE(theirs.write({"3"}));
  fenced_cell mine(events, "cell");
  mine.take(former);
  CHECK_FALSE(mine.write({"2"}));
  CHECK_FALSE(mine.write({"2"}));
  CHECK(theirs.write({"4"}));
}

TEST_CASE("fenced_cell: an owner goes on after a write of its own whose answer was lost", "[subscription]") {
  store events;
  fenced_cell mine(events, "cell");
  mine.take(former);
  const auto stored = must::detail::following::owned_fields{former, {"1"}}.bytes();
  REQUIRE(events.put("cell", stored, events.get("cell")->revision));
  CHECK(mine.write({"1"}));
  CHECK(mine.write({"2"}));
  CHECK(mine.give_up());
  CHECK_FALSE(mine.write({"3"}));
}

TEST_CASE("fenced_cell: a text that is too long is cut between two characters, and has no NUL", "[subscription]") {
  CHECK(must::detail::following::cell_text("a\xE2\x82\xAC", 4) == "a\xE2\x82\xAC");
  CHECK(must::detail::following::cell_text("a\xE2\x82\xAC", 3) == "a");
  CHECK(must::detail::following::cell_text(std::string_view("\0b\0", 3)) == " b ");
}

TEST_CASE("fenced_cell: events that a former owner parks, and attempts that it notes, change nothing",
          "[subscription]") {
  store events;
  must::detail::following::progress counters;
  must::detail::following::parked_list<store> old_list(events, "name", former, counters),
      new_list(events, "name", later, counters);
  must::detail::following::attempt_counts<store> old_count(events, "name", former, 1),
      new_count(events, "name", later, 1);
  REQUIRE(new_count.note(7, "seven", 2));

  const must::parked_event one{.position = 5, .key = "k", .reason = "r", .attempts = 1};
  for (int attempt = 0; attempt < 2; ++attempt) {
    CHECK_FALSE(old_list.replace(one, {one}));
    CHECK_FALSE(old_list.set_done(1));
    CHECK_FALSE(old_count.note(5, "five", 1));
  }
  CHECK(old_list.size() == 0);
  CHECK(new_list.replace(one, {one}));
  CHECK(new_count.note(8, "eight", 1));
  must::detail::following::parked_list<store> next(events, "name", {"next", 3, 1'000}, counters);
  CHECK(next.all() == std::vector{one});
}

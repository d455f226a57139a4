// SPDX-License-Identifier: MIT
// sqlite_store: a file that says of its index of tags that it ends elsewhere than it does.
#include "must/storage/sqlite.hpp"

#include "must/must.hpp"

#include "stores/sqlite.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <string>
#include <vector>

using namespace must_test;

namespace {

using positions_of = std::vector<must::position>;

// A file of nine events that have a tag, all of them in the index, which then says something else.
void make_with_indexed(const std::string& path, int indexed) {
  {
    must::sqlite_store store(on(path));
    for (int i = 1; i <= 9; ++i) append(store, event(std::to_string(i))).value();
    store.verify();
  }
  REQUIRE(texts(path, "SELECT indexed FROM must_store") == std::vector<std::string>{"9"});
  execute(path, "UPDATE must_store SET indexed = " + std::to_string(indexed));
}

}  // namespace

TEST_CASE("sqlite_store: verify finds an index of tags that has more than it says", "[sqlite]") {
  const temporary_folder folder;
  make_with_indexed(folder.file(), 4);
  must::sqlite_store store(on(folder.file()));
  const auto why = failure_of([&] { store.verify(); });
  CHECK(why.backend_code == "SQLITE_CORRUPT (11)");
  CHECK(why.message.find("its index of tags has position 9, and ends at 4") != std::string::npos);
}

TEST_CASE("sqlite_store: an index of tags that has more than it says gives no event twice, and is mended by appends",
          "[sqlite]") {
  const temporary_folder folder;
  make_with_indexed(folder.file(), 4);
  must::sqlite_store store(on(folder.file()));
  const auto tagged = must::query::of_tags({"t"});
  const auto backwards = must::read_options{.order = must::direction::backwards};
  const auto either = must::query({must::query_item{.types = {}, .tags = {"t"}, .stream = "s"}});
  CHECK(positions(store, tagged) == positions_of{1, 2, 3, 4, 5, 6, 7, 8, 9});
  CHECK(positions(store, tagged, backwards) == positions_of{9, 8, 7, 6, 5, 4, 3, 2, 1});
  CHECK(positions(store, either) == positions_of{1, 2, 3, 4, 5, 6, 7, 8, 9});
  for (int i = 10; i <= 12; ++i) append(store, event(std::to_string(i))).value();
  store.verify();
  CHECK(count(store, tagged) == 12);
}

TEST_CASE("sqlite_store: an index of tags that says that it ends beyond the events is damage to every operation",
          "[sqlite]") {
  const temporary_folder folder;
  make_with_indexed(folder.file(), 10);
  must::sqlite_store store(on(folder.file()));
  const auto is_damage = [](const must::error& why) {
    return why.backend_code == "SQLITE_CORRUPT (11)" && why.message.find("position 10") != std::string::npos;
  };
  CHECK(is_damage(failure_of([&] { store.verify(); })));
  CHECK(is_damage(failure_of([&] { static_cast<void>(count(store, must::query::of_tags({"t"}))); })));
  CHECK(is_damage(failure_of([&] { static_cast<void>(append(store, event("new"))); })));
}

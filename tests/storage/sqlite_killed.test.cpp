// SPDX-License-Identifier: MIT
// sqlite_store: a process that is killed at any of its writes (cases Z3, Z6).
#include "must/storage/sqlite.hpp"

#include "stores/sqlite.hpp"
#include "support/catch.hpp"
#include "support/killing_vfs.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <array>
#include <csignal>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace {

using must_test::event;
using must_test::on;

// Makes a store and does four things with it; `told` is told of each that is done.
template <typename Told>
void work_on(const std::string& path, Told&& told) {
  auto options = on(path);
  options.durability = must::sqlite_durability::full;
  options.checkpoint_pages = 4;  // each append comes to it
  must::sqlite_store store(options);
  told();
  std::vector first{event("a", "s", {"t", "u"}), event("b", "s")};
  store.append(std::span(first), {}).value();
  told();
  store.put("cell", "1", 0);
  told();
  std::vector second{event("c", "s", {"t"}), event("d", "other"), event("e", "s", {"v"})};
  store.append(std::span(second), {.query = must::query::of_tags({"t"}), .after = 2}).value();
  told();
}

}  // namespace

TEST_CASE("sqlite_store: Z3 a process that is killed at any write leaves whole steps behind, and all that it told of",
          "[sqlite][process]") {
  constexpr std::array heads{0, 0, 2, 2, 5};  // after so many things done
  int kills = 0;
  for (const bool half : {false, true}) {
    bool killed = true;
    for (int at = 1; killed; ++at) {
      INFO("killed at write " << at << (half ? ", which is half written" : ""));
      const must_test::temporary_folder folder;
      const auto path = folder.file(), journal = folder.file("journal");
      const auto child = must_test::start_process([&] {
        const int told = ::open(journal.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
        must_test::killing_vfs::install(at, half);
        work_on(path, [&] {
          if (::write(told, "x", 1) != 1) ::_exit(2);
        });
      });
      const int status = must_test::wait_for_process(child);
      killed = WIFSIGNALED(status);
      kills += killed ? 1 : 0;
      if (!killed) REQUIRE(WEXITSTATUS(status) == 0);
      const auto done = std::filesystem::file_size(journal);
      REQUIRE(done <= 4);
      {
        must::sqlite_store store(on(path));
        REQUIRE_NOTHROW(store.verify());
        const auto head = static_cast<int>(store.head());
        const bool is_whole = head == heads[done] || head == heads[done < 4 ? done + 1 : 4];
        REQUIRE(is_whole);
        if (done >= 3) REQUIRE(store.get("cell"));
        REQUIRE(store.version("s") == (head == 0 ? 0 : head == 2 ? 2 : 4));
      }
      if (done >= 1) {
        // The same again comes to the same, whatever was done of it.
        must::sqlite_store store(on(path));
        std::vector first{event("a", "s", {"t", "u"}), event("b", "s")};
        CHECK(store.append(std::span(first), {}).value() == must::appended{1, 2});
        std::vector second{event("c", "s", {"t"}), event("d", "other"), event("e", "s", {"v"})};
        CHECK(store.append(std::span(second), {.query = must::query::of_tags({"t"}), .after = 2}).value() ==
              must::appended{3, 5});
      }
      must_test::check_sound(path);
      REQUIRE(at < 1'000);
    }
  }
  CHECK(kills > 50);
}

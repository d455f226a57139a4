// SPDX-License-Identifier: MIT
#include "cases/crash.hpp"
#include "cases/subscription.hpp"
#include "cases/takeover.hpp"
#include "cases/unreadable.hpp"
#include "stores/postgres.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>

namespace {

struct temporary_folder {
  temporary_folder() { std::filesystem::create_directory(path); }
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;
  ~temporary_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  [[nodiscard]] std::string file(const std::string& name) const { return path + "/" + name; }
  std::string path =
      (std::filesystem::temp_directory_path() / ("must-postgres-" + std::to_string(::getpid()))).string();
};

struct postgres_place {
  using store_type = must::postgres_store;
  using transaction = must::postgres_store::transaction;
  [[nodiscard]] must::postgres_store open() const {
    auto how = must_test::options_for(schema.name);
    return must::postgres_store(how);
  }
  static void count_in(transaction& in, must::position at) {
    must_test::postgres_session::ask(in.handle, "INSERT INTO must_test_counted VALUES(" + std::to_string(at) + ")");
  }
  [[nodiscard]] std::vector<std::string> counted() const {
    const auto lines = must_test::postgres_session().ask("SELECT position FROM must_test_counted ORDER BY position");
    std::vector<std::string> all;
    for (std::size_t at = 0; at < lines.size();) {
      const auto end = std::min(lines.find('\n', at), lines.size());
      all.push_back(lines.substr(at, end - at));
      at = end + 1;
    }
    return all;
  }
  must_test::scratch_schema schema{};
  temporary_folder folder{};
};

// The table that the views count in.
struct counting_table {
  counting_table() { must_test::postgres_session().ask("CREATE TABLE must_test_counted(position bigint)"); }
  counting_table(const counting_table&) = delete;
  counting_table& operator=(const counting_table&) = delete;
  ~counting_table() {
    try {
      must_test::postgres_session().ask("DROP TABLE must_test_counted");
    } catch (const std::exception&) {}
  }
};

}  // namespace

TEST_CASE("subscription: on postgres_store", "[subscription]") {
  if (!must_test::has_postgres()) return;
  must_test::subscription_cases<must_test::postgres_fixture>::all();
}
TEST_CASE("subscription: what cannot be read on postgres_store is never passed over", "[subscription]") {
  if (!must_test::has_postgres()) return;
  must_test::unreadable_cases<must_test::postgres_fixture>::all();
}
TEST_CASE("subscription: killed at six points on postgres_store, again and again", "[subscription][process]") {
  if (!must_test::has_postgres()) return;
  must_test::killed_at_six_points<postgres_place>();
}
TEST_CASE("subscription: killed views on postgres_store count each event once", "[subscription][process]") {
  if (!must_test::has_postgres()) return;
  const counting_table table;
  must_test::killed_views_count_once<postgres_place>();
}
TEST_CASE("subscription: an event that kills the process is given up on postgres_store", "[subscription][process]") {
  if (!must_test::has_postgres()) return;
  must_test::a_killer_is_given_up<postgres_place>();
}
TEST_CASE("subscription: an owner that was stopped for too long writes nothing on postgres_store",
          "[subscription][process]") {
  if (!must_test::has_postgres()) return;
  must_test::a_paused_owner_writes_nothing<postgres_place>();
}
TEST_CASE("subscription: killed when its lease is lost on postgres_store, again and again", "[subscription][process]") {
  if (!must_test::has_postgres()) return;
  must_test::killed_when_the_lease_is_lost<postgres_place>();
}

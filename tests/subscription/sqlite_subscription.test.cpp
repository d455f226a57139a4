// SPDX-License-Identifier: MIT
#include "cases/crash.hpp"
#include "cases/subscription.hpp"
#include "cases/takeover.hpp"
#include "cases/unreadable.hpp"
#include "stores/sqlite.hpp"

#include <atomic>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct sqlite_place {
  using store_type = must::sqlite_store;
  using transaction = must::sqlite_transaction;
  [[nodiscard]] must::sqlite_store open() const { return must::sqlite_store(must_test::on(folder.file())); }
  static void count_in(transaction& in, must::position at) {
    const auto sql =
        "CREATE TABLE IF NOT EXISTS counted(position INTEGER);INSERT INTO counted VALUES(" + std::to_string(at) + ")";
    if (::sqlite3_exec(in.handle, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
      throw std::runtime_error(::sqlite3_errmsg(in.handle));
  }
  [[nodiscard]] std::vector<std::string> counted() const {
    return must_test::texts(folder.file(), "SELECT position FROM counted ORDER BY position");
  }
  must_test::temporary_folder folder{};
};

}  // namespace

TEST_CASE("subscription: on sqlite_store", "[subscription][race]") {
  must_test::subscription_cases<must_test::sqlite_fixture>::all();
}
TEST_CASE("subscription: what cannot be read on sqlite_store is never passed over", "[subscription]") {
  must_test::unreadable_cases<must_test::sqlite_fixture>::all();
}
TEST_CASE("subscription: killed at six points on sqlite_store, again and again", "[subscription][process]") {
  must_test::killed_at_six_points<sqlite_place>();
}
TEST_CASE("subscription: killed views on sqlite_store count each event once", "[subscription][process]") {
  must_test::killed_views_count_once<sqlite_place>();
}
TEST_CASE(
    "subscription: what a view has handled in lanes ahead of others counts once, by however many lanes it goes on",
    "[subscription][race]") {
  const sqlite_place place;
  auto store = place.open();
  for (int i = 0; i < 100; ++i)
    must_test::subscription_cases<must_test::sqlite_fixture>::add(store, 1, "wanted", "s" + std::to_string(i % 10));
  std::atomic<int> others{0};
  bool fails = true;
  const auto handler = [&](must::sqlite_transaction& in, const must::cloud_event& event) {
    if (event.subject != "s0")
      ++others;
    else if (fails)
      throw std::runtime_error("not now");
    sqlite_place::count_in(in, static_cast<const must::recorded<must::payload>&>(event).position);
  };
  must::subscription_options how{.lanes = 4, .save_every = 1, .lease = must::duration(60'000)};
  how.on_failure.delay = must::duration(1'000);
  how.on_failure.decide = [&](const must::failed_attempt&) {
    return others < 20 ? must::failure_action::retry : must::failure_action::stop;
  };
  CHECK_THROWS_WITH(must::subscription(store, "view", must::query::all(), handler, how).run_once(), "not now");
  CHECK(place.counted().size() > 1);
  fails = false;
  how.lanes = 3;
  CHECK(must::subscription(store, "view", must::query::all(), handler, how).run_once() == 100);
  std::vector<std::string> all;
  for (int i = 1; i <= 100; ++i) all.push_back(std::to_string(i));
  CHECK(place.counted() == all);
}
TEST_CASE("subscription: an event that kills the process is given up on sqlite_store", "[subscription][process]") {
  must_test::a_killer_is_given_up<sqlite_place>();
}
TEST_CASE("subscription: an owner that was stopped for too long writes nothing on sqlite_store",
          "[subscription][process]") {
  must_test::a_paused_owner_writes_nothing<sqlite_place>();
}
TEST_CASE("subscription: killed when its lease is lost on sqlite_store, again and again", "[subscription][process]") {
  must_test::killed_when_the_lease_is_lost<sqlite_place>();
}

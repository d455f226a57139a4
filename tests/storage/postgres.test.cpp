// SPDX-License-Identifier: MIT
// postgres_store: the storage suite behind poolers, with the smallest pages, and by other settings.
#include "must/storage/postgres.hpp"

#include "servers/postgres_pooler.hpp"
#include "stores/postgres.hpp"
#include "support/catch.hpp"
#include "support/run_cases.hpp"

#include <functional>
#include <string>

namespace {

using must_test::options_for;
using must_test::postgres_fixture;
using must_test::postgres_pooler;

// With options that `change` has changed.
struct changed_fixture {
  static constexpr must::testing::capabilities capabilities{
      .cells = true, .batches = true, .waiting = true, .transactions = true};
  static inline std::function<void(must::postgres_options&)> change{};
  must::postgres_store& store() { return store_; }
  must_test::scratch_schema schema_{};
  must::postgres_store store_{[&] {
    auto options = options_for(schema_.name);
    change(options);
    return options;
  }()};
};

void run_changed(bool races, std::function<void(must::postgres_options&)> change, const std::string& without = {}) {
  changed_fixture::change = std::move(change);
  must_test::run_storage_cases<changed_fixture>(races, without);
}

bool has_pooler() {
  auto& pooler = postgres_pooler::instance();
  if (!pooler.available()) must_test::skip(pooler.reason(), "pgbouncer");
  return pooler.available();
}
void pooled(must::postgres_options& options) { options.conninfo = postgres_pooler::instance().conninfo(); }

}  // namespace

TEST_CASE("postgres_store: the suite holds with one connection and pages of two events", "[storage][postgres]") {
  if (!must_test::has_postgres()) return;
  run_changed(false, [](must::postgres_options& options) {
    options.connections = 1;
    options.page_events = 2;
    options.page_bytes = 200;
  });
}
TEST_CASE("postgres_store: no connection at all counts as one", "[storage][postgres]") {
  if (!must_test::has_postgres()) return;
  const must_test::scratch_schema schema;
  auto options = options_for(schema.name);
  options.connections = 0;
  must::postgres_store store(options);
  CHECK(store.connections() == 1);
  CHECK(store.head() == 0);
}
TEST_CASE("postgres_store: the suite holds where no session keeps anything", "[storage][postgres]") {
  if (must_test::has_postgres()) run_changed(false, [](must::postgres_options& options) { options.pooled = true; });
}
TEST_CASE("postgres_store: the races hold where REPEATABLE READ is the default", "[storage][postgres][race]") {
  if (!must_test::has_postgres()) return;
  run_changed(true, [](must::postgres_options& options) {
    options.conninfo += " options='-c default_transaction_isolation=repeatable\\\\ read'";
  });
}

TEST_CASE("postgres_store: the suite holds behind a pgbouncer that it was not told of", "[storage][postgres]") {
  if (has_pooler()) run_changed(false, pooled);
}
TEST_CASE("postgres_store: the races hold behind pgbouncer", "[storage][postgres]") {
  if (has_pooler()) run_changed(true, pooled, "D6");  // of which each round makes a schema
}
TEST_CASE("postgres_store: behind pgbouncer who waits polls, and says so", "[storage][postgres]") {
  if (!has_pooler()) return;
  const must_test::scratch_schema schema;
  auto options = options_for(schema.name);
  options.poll_interval = must::duration(5'000);
  must::postgres_store writes(options);
  pooled(options);
  must::postgres_store waits(options);
  for (must::position next = 1; next <= 5; ++next) {
    std::jthread writer([&] {
      must::testing::suite::append<postgres_fixture>(writes, must::testing::suite::event<postgres_fixture>("a"))
          .value();
    });
    CHECK(waits.wait_for(next, must::duration(60'000'000)));
  }
  CHECK_FALSE(waits.is_notified());
  CHECK(waits.head() == 5);
}

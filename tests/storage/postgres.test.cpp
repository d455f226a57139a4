// SPDX-License-Identifier: MIT
// postgres_store: the storage suite on a real server, as it is, behind a pooler, and with the smallest pages.
#include "must/storage/postgres.hpp"

#include "must/testing/storage_suite.hpp"

#include "support/catch.hpp"
#include "support/postgres_fixture.hpp"

namespace {

using must_test::options_for;
using must_test::postgres_fixture;

template <void (*change)(must::postgres_options&)>
struct changed_fixture {
  static constexpr must::testing::capabilities capabilities{
      .cells = true, .batches = true, .waiting = true, .transactions = true};
  must::postgres_store& store() { return store_; }
  must_test::scratch_schema schema_{};
  must::postgres_store store_{[&] {
    auto options = options_for(schema_.name);
    change(options);
    return options;
  }()};
};
void smallest(must::postgres_options& options) {
  options.connections = 1;
  options.page_events = 2;
  options.page_bytes = 200;
}
void pooled(must::postgres_options& options) { options.pooled = true; }
void repeatable(must::postgres_options& options) {
  options.conninfo += " options='-c default_transaction_isolation=repeatable\\\\ read'";
}

template <typename Fixture>
void run(bool races) {
  if (!must_test::has_postgres()) return;
  for (const auto& one : must::testing::storage_cases<Fixture>()) {
    if (one.is_race != races) continue;
    INFO(one.id << " " << one.says);
    CHECK_NOTHROW(one.run());
  }
}

}  // namespace

TEST_CASE("postgres_store: the storage suite holds", "[storage][postgres]") { run<postgres_fixture>(false); }
TEST_CASE("postgres_store: the races of the storage suite hold", "[storage][postgres][race]") {
  run<postgres_fixture>(true);
}
TEST_CASE("postgres_store: the suite holds with one connection and pages of two events", "[storage][postgres]") {
  run<changed_fixture<smallest>>(false);
}
TEST_CASE("postgres_store: the suite holds behind a transaction-mode pooler", "[storage][postgres]") {
  run<changed_fixture<pooled>>(false);
}
TEST_CASE("postgres_store: the races hold where REPEATABLE READ is the default", "[storage][postgres][race]") {
  run<changed_fixture<repeatable>>(true);
}

// SPDX-License-Identifier: MIT
#include "must/testing/delivery_suite.hpp"

#include "support/inbox.hpp"
#include "support/postgres_fixture.hpp"

namespace {

struct postgres_inbox {
  must::postgres_store& store() { return fixture_.store(); }
  must_test::inbox& delivery() { return inbox_; }
  std::vector<std::string> received() { return inbox_.ids(); }
  must_test::postgres_fixture fixture_{};
  must_test::inbox inbox_{};
};

struct postgres_bus {
  must::postgres_store& store() { return fixture_.store(); }
  auto& delivery() { return inbox_.bus(); }
  std::vector<std::string> received() { return inbox_.ids(); }
  must_test::postgres_fixture fixture_{};
  must_test::bus_inbox inbox_{};
};

}  // namespace

TEST_CASE("relay: the delivery suite holds on postgres_store", "[delivery]") {
  if (!must_test::has_postgres()) return;
  for (const auto& one : must::testing::delivery_cases<postgres_inbox>()) {
    DYNAMIC_SECTION(one.id << " " << one.says) { CHECK_NOTHROW(one.run()); }
  }
}

TEST_CASE("pubsub: the delivery suite holds on postgres_store", "[delivery]") {
  if (!must_test::has_postgres()) return;
  for (const auto& one : must::testing::delivery_cases<postgres_bus>()) {
    DYNAMIC_SECTION(one.id << " " << one.says) { CHECK_NOTHROW(one.run()); }
  }
}

// SPDX-License-Identifier: MIT
#include "must/testing/delivery_suite.hpp"

#include "support/inbox.hpp"
#include "support/sqlite_file.hpp"

namespace {

struct sqlite_inbox {
  must::sqlite_store& store() { return store_; }
  must_test::inbox& delivery() { return inbox_; }
  std::vector<std::string> received() { return inbox_.ids(); }
  sqlite_tests::temporary_folder folder_{};
  must::sqlite_store store_{sqlite_tests::on(folder_.file())};
  must_test::inbox inbox_{};
};

struct sqlite_bus {
  must::sqlite_store& store() { return store_; }
  auto& delivery() { return inbox_.bus(); }
  std::vector<std::string> received() { return inbox_.ids(); }
  sqlite_tests::temporary_folder folder_{};
  must::sqlite_store store_{sqlite_tests::on(folder_.file())};
  must_test::bus_inbox inbox_{};
};

}  // namespace

TEST_CASE("relay: the delivery suite holds on sqlite_store", "[delivery][race]") {
  for (const auto& one : must::testing::delivery_cases<sqlite_inbox>()) {
    DYNAMIC_SECTION(one.id << " " << one.says) { CHECK_NOTHROW(one.run()); }
  }
}

TEST_CASE("pubsub: the delivery suite holds on sqlite_store", "[delivery][race]") {
  for (const auto& one : must::testing::delivery_cases<sqlite_bus>()) {
    DYNAMIC_SECTION(one.id << " " << one.says) { CHECK_NOTHROW(one.run()); }
  }
}

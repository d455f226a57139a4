// SPDX-License-Identifier: MIT
// must::log_store makes a whole store of a log of your own, and the public suite shows that the store keeps every
// promise.
#include "stores_on_a_log.hpp"

#include <must/testing/storage_suite.hpp>

#include <iostream>
#include <string>

int main() {
  const auto done = must::testing::run_storage_suite<stores_on_a_log>(
      [](const must::testing::storage_case& one, const std::string& why) {
        if (!why.empty()) std::cout << one.id << ' ' << one.says << ": FAILED: " << why << '\n';
      });
  std::cout << done.passed << " cases hold, " << done.failures.size() << " do not\n";
  return done.failures.empty() ? 0 : 1;
}

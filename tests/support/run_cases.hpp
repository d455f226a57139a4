// SPDX-License-Identifier: MIT
// The cases of the storage suite as checks of Catch2.
#pragma once

#include "must/testing/storage_suite.hpp"

#include "support/catch.hpp"

#include <string_view>

namespace must_test {

// Runs the cases that are races, or those that are none; `without` is the id of a case to leave out.
template <typename Fixture>
void run_storage_cases(bool races, std::string_view without = {}) {
  for (const auto& one : must::testing::storage_cases<Fixture>()) {
    if (one.is_race != races || one.id == without) continue;
    INFO(one.id << " " << one.says);
    CHECK_NOTHROW(one.run());
  }
}

}  // namespace must_test

// error: must: the store of the fixture is not a Storage
// error: must: the fixture declares cells as the store has them
// error: must: the fixture declares batches as the store has them
// error: must: the fixture declares waiting as the store has it
// error: must: the fixture declares transactions as the store has them
// SPDX-License-Identifier: MIT
#include "must/testing/storage_suite.hpp"

#include "declared_store.hpp"

struct no_store {
  using data_type = must::payload;
};
struct fixture {
#ifdef MUST_COMPILE_FAIL
  static constexpr must::testing::capabilities capabilities{
      .cells = true, .batches = true, .waiting = true, .transactions = true};
  no_store& store();
#else
  static constexpr must::testing::capabilities capabilities{};
  declared_store<>& store();
#endif
};

std::size_t run() { return must::testing::storage_cases<fixture>().size(); }

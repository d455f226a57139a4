// SPDX-License-Identifier: MIT
#include "must/must.hpp"
#include "must/storage/memory.hpp"
#include "must/storage/sqlite.hpp"

#include "cases/subscription_faults.hpp"
#include "stores/sqlite.hpp"

namespace {

struct memory_fixture {
  must::memory_store<>& store() { return store_; }
  must::memory_store<> store_{};
};

}  // namespace

TEST_CASE("subscription: loses, hides and repeats nothing on memory_store", "[subscription]") {
  must_test::subscription_faults<memory_fixture>::all();
}
TEST_CASE("subscription: loses, hides and repeats nothing on sqlite_store", "[subscription]") {
  must_test::subscription_faults<must_test::stored_in_file>::all();
}

// SPDX-License-Identifier: MIT
// durable_store: the whole suite, in a storage that does not answer as it should.
#include "must/storage/durable.hpp"
#include "must/testing/storage_suite.hpp"
#include "must/testing/suite/expect.hpp"

#include "stores/objects_in_memory.hpp"
#include "support/catch.hpp"
#include "support/run_cases.hpp"

#include <optional>

namespace {

// Two stores in a storage, neither of which gets all of its answers, and which compact all the time.
class stores_in_bad_objects {
 public:
  static constexpr must::testing::capabilities capabilities{
      .cells = true, .batches = true, .waiting = true, .shared = true, .durable = true};
  using store_type = must::durable_store<must_test::objects_in_memory>;
  stores_in_bad_objects() { objects_.answer_by(must_test::random_answers(must::testing::suite::seed())); }
  store_type& store() {
    if (!store_) reopen();
    return *store_;
  }
  store_type& other() {
    if (!other_) other_.emplace(objects_, patient());
    return *other_;
  }
  void reopen() {
    store_.reset();
    store_.emplace(objects_, patient());
  }

 private:
  // The suite has limits of its own for what hangs.
  static must::durable_options patient() {
    return {.log = {.timeout = must::duration(60'000'000), .cache_bytes = 4'000},
            .compact_every = 3,
            .segment_bytes = 5'000,
            .grace = must::duration(20'000)};
  }
  must_test::objects_in_memory objects_{};
  std::optional<store_type> store_, other_;
};

}  // namespace

TEST_CASE("durable_store: the suite holds in a storage whose answers are late, lost or refused", "[storage][durable]") {
  must_test::run_storage_cases<stores_in_bad_objects>(false);
}
TEST_CASE("durable_store: the races of the suite hold in a storage whose answers are late, lost or refused",
          "[storage][durable][race]") {
  must_test::run_storage_cases<stores_in_bad_objects>(true);
}

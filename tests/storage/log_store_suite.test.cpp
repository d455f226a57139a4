// SPDX-License-Identifier: MIT
// log_store: the whole suite, over a log that loses, delays, answers twice, late, or not at all.
#include "stores/scripted_log.hpp"
#include "support/catch.hpp"
#include "support/run_cases.hpp"

#include "must/testing/suite/expect.hpp"

#include <optional>

namespace {

// Two stores on a log, neither of which gets all of its answers.
class stores_on_a_bad_log {
 public:
  static constexpr must::testing::capabilities capabilities{
      .cells = true, .batches = true, .waiting = true, .shared = true, .durable = true};
  using store_type = must::log_store<must_test::scripted_log>;
  store_type& store() {
    if (!store_) reopen();
    return *store_;
  }
  store_type& other() {
    if (!other_) other_.emplace(log_, patient);
    return *other_;
  }
  void reopen() { store_.emplace(log_, patient); }

 private:
  // The suite has limits of its own for what hangs.
  inline static const must::log_store_options patient{.timeout = must::duration(60'000'000), .cache_bytes = 4'000};
  must_test::scripted_log log_{must_test::random_fates(must::testing::suite::seed())};
  std::optional<store_type> store_, other_;
};

}  // namespace

TEST_CASE("log_store: the suite holds over a log whose answers are late, lost or twice", "[storage][log]") {
  must_test::run_storage_cases<stores_on_a_bad_log>(false);
}
TEST_CASE("log_store: the races of the suite hold over a log whose answers are late, lost or twice",
          "[storage][log][race]") {
  must_test::run_storage_cases<stores_on_a_bad_log>(true);
}

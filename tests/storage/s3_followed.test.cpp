// SPDX-License-Identifier: MIT
// What follows a durable_store on a server of S3: subscriptions, process managers, snapshots and relays.
#include "must/delivery/relay.hpp"
#include "must/must.hpp"

#include "cases/process.hpp"
#include "cases/subscription.hpp"
#include "stores/durable_s3.hpp"
#include "support/catch.hpp"
#include "support/inbox.hpp"

TEST_CASE("durable_store on S3: subscriptions lose nothing and repeat little",
          "[storage][durable][s3][servers][race]") {
  if (!must_test::has_s3()) return;
  must_test::subscription_cases<must_test::durable_s3_fixture>::all();
}

TEST_CASE("durable_store on S3: a process manager that crashes at any write runs no command twice",
          "[storage][durable][s3][servers]") {
  if (!must_test::has_s3()) return;
  must_test::a_crashed_manager_runs_no_command_twice<must_test::durable_s3_fixture>();
}

namespace {

struct counted {
  static constexpr auto type = "counted";
  int by = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(counted, by)

struct total {
  using events = must::events<counted>;
  static constexpr int snapshot_every = 5;
  int sum = 0;
  void apply(const counted& one) { sum += one.by; }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(total, sum)

struct count {
  int by;
  auto depends_on() const { return must::stream<total>("t"); }
  static constexpr auto be_authorized = must::anyone;
  void be_valid(const total& all) const { must::ensure(all.sum < 1'000, "enough"); }
  counted be_translated_to_events() const { return {by}; }
};

}  // namespace

TEST_CASE("durable_store on S3: a state has a snapshot there, which another process finds",
          "[storage][durable][s3][servers]") {
  if (!must_test::has_s3()) return;
  must_test::durable_s3_fixture fixture;
  for (int n = 1; n <= 12; ++n) must::process_command(count{n}, fixture.store());
  CHECK_FALSE(fixture.store().list("").empty());
  CHECK(must::load(fixture.other(), must::stream<total>("t")).state.sum == 78);
  fixture.reopen();
  const auto again = must::load(fixture.store(), must::stream<total>("t"));
  CHECK(again.state.sum == 78);
  CHECK(again.version == 12);
}

TEST_CASE("durable_store on S3: a relay hands everything over, and a crash repeats little",
          "[storage][durable][s3][servers]") {
  if (!must_test::has_s3()) return;
  must_test::check_delivery<must_test::durable_s3_fixture, must_test::inbox>();
}

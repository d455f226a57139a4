// SPDX-License-Identifier: MIT
// Process managers and views on every store of the list.
#include "must/model/projection.hpp"
#include "must/model/view.hpp"
#include "must/storage/inline_projection.hpp"

#include "cases/process.hpp"
#include "stores/all.hpp"

#include <map>
#include <string>

namespace {

struct placed_orders {
  using events = must::events<must_test::order_placed>;
  int all = 0;
  void apply(const must_test::order_placed&) { ++all; }
};

}  // namespace

EACH_STORE_TEST_CASE(with_cells_or_log, "process_manager: a crash at any write runs no command twice on each store",
                     "[model]") {
  must_test::a_crashed_manager_runs_no_command_twice<Store>();
}

EACH_STORE_TEST_CASE(with_transactions,
                     "view: inline, in the checkpoint's transaction, rebuilt and live come to one result on each store",
                     "[model]") {
  using transaction = typename must::testing::suite::store_of<Store>::transaction;
  Store fixture;
  auto& store = fixture.store();
  const typename Store::counts counts(fixture);
  // Not idempotent, so that an event which counts twice shows.
  const auto count_as = [&](const std::string& view) {
    return [&counts, view](transaction& in, const must::cloud_event& event) { counts.add(in, view + ":" + event.id); };
  };
  must::inline_projection with_view(store, count_as("inline"));
  for (int i = 0; i < 30; ++i) must::append(with_view, must_test::order_placed{std::to_string(i)});
  const must::subscription_options quick{.save_every = 7};
  must::subscription follows(store, "followed", must::query::all(), count_as("followed"), quick);
  CHECK(follows.run_once() == 30);
  must::position told = 0;
  for (const unsigned version : {1U, 2U}) {
    must::view view(store, {"orders", version}, must::query::all(), count_as(std::to_string(version)), quick);
    view.rebuild([&](const must::rebuild_progress& now) { told = now.done; });
    CHECK(told == 30);
    CHECK(view.active_version() == version);
  }
  must::view former(store, {"orders", 1}, must::query::all(), count_as("1"), quick);
  CHECK_THROWS_AS(former.run({}), must::not_owner);
  auto live = must::projection<placed_orders>(store, "live");
  CHECK(live.run_once() == 30);
  CHECK(live.state().all == 30);

  std::map<std::string, int> expected;
  for (const auto& event : must::events_in(store, must::query::all()))
    for (const auto* view : {"inline", "followed", "1", "2"}) expected[view + (":" + event.id)] = 1;
  CHECK(counts.all() == expected);
}

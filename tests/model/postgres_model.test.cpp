// SPDX-License-Identifier: MIT
#include "must/model/projection.hpp"
#include "must/model/view.hpp"
#include "must/storage/inline_projection.hpp"

#include "cases/process.hpp"
#include "stores/postgres.hpp"

#include <string>

namespace {

struct placed_orders {
  using events = must::events<must_test::order_placed>;
  int all = 0;
  void apply(const must_test::order_placed&) { ++all; }
};

// Adds a row for each event: not idempotent, so that an event which counts twice shows.
struct add_row {
  std::string table, view;
  void operator()(must::postgres_store::transaction& in, const must::cloud_event& event) const {
    must_test::postgres_session::ask(in.handle, "INSERT INTO " + table + " VALUES('" + view + "', '" + event.id + "')");
  }
};

}  // namespace

TEST_CASE("process_manager: a crash at any write runs no command twice on postgres_store", "[model][postgres]") {
  if (!must_test::has_postgres()) return;
  must_test::a_crashed_manager_runs_no_command_twice<must_test::postgres_fixture>();
}

TEST_CASE("view: inline, in the checkpoint's transaction, rebuilt and live come to one result on postgres_store",
          "[model][postgres]") {
  if (!must_test::has_postgres()) return;
  must_test::postgres_fixture here;
  auto& store = here.store();
  must_test::postgres_session session;
  const auto table = here.schema_.name + ".seen";
  session.ask("CREATE TABLE " + table + "(view text, id text)");
  const auto ids_in = [&](const std::string& view) {
    return session.ask("SELECT string_agg(id, ',' ORDER BY id) FROM " + table + " WHERE view = '" + view + "'");
  };
  must::inline_projection with_view(store, add_row{table, "inline"});
  for (int i = 0; i < 30; ++i) must::append(with_view, must_test::order_placed{std::to_string(i)});
  const must::subscription_options quick{.save_every = 7};
  must::subscription follows(store, "followed", must::query::all(), add_row{table, "followed"}, quick);
  CHECK(follows.run_once() == 30);
  must::position told = 0;
  for (const unsigned version : {1U, 2U}) {
    must::view view(store, {"orders", version}, must::query::all(), add_row{table, std::to_string(version)}, quick);
    view.rebuild([&](const must::rebuild_progress& now) { told = now.done; });
    CHECK(told == 30);
    CHECK(view.active_version() == version);
  }
  must::view former(store, {"orders", 1}, must::query::all(), add_row{table, "1"}, quick);
  CHECK_THROWS_AS(former.run({}), must::not_owner);
  auto live = must::projection<placed_orders>(store, "live");
  CHECK(live.run_once() == 30);

  CHECK(live.state().all == 30);
  CHECK(session.ask("SELECT count(*) FROM " + table + " WHERE view = 'inline'") == "30");
  for (const auto* view : {"followed", "1", "2"}) CHECK(ids_in(view) == ids_in("inline"));
}

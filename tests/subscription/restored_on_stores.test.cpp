// SPDX-License-Identifier: MIT
// Each store that is put back from a copy while it is followed: who follows it stops, nothing of the events that came
// after the copy is taken for what is gone, and who goes on from there passes over nothing.
#include "must/codec/json.hpp"
#include "must/delivery/stage.hpp"
#include "must/model/projection.hpp"
#include "must/must.hpp"
#include "must/subscription.hpp"

#include "cases/subscription.hpp"
#include "stores/all.hpp"
#include "support/catch.hpp"
#include "support/error_of.hpp"
#include "support/run_in_thread.hpp"
#include "support/soon.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace {

using record = must::recorded<must::payload>;

struct Kept {
  static constexpr auto type = "Kept";
  int number;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Kept, number)
struct Numbers {
  using events = must::events<Kept>;
  std::vector<int> all{};
  void apply(const Kept& kept) { all.push_back(kept.number); }
};

template <typename Store>
void add(must::testing::suite::store_of<Store>& store, const std::string& id, int count) {
  for (int i = 0; i < count; ++i) {
    auto one = must::testing::suite::event<Store>("wanted", "s" + std::to_string(i % 3));
    one.id = id + std::to_string(i);
    must::testing::suite::append<Store>(store, one).value();
  }
}
template <typename Store>
std::vector<std::string> ids_above(must::testing::suite::store_of<Store>& store, must::position after) {
  std::vector<std::string> ids;
  store.read(must::query::all(), {.after = after}, [&](const auto& one) { ids.push_back(one.id); });
  std::sort(ids.begin(), ids.end());
  return ids;
}

struct put_back_while {
  unsigned lanes = 1;
  bool has_grown = false;  // Whether it grows by 9 afterwards, beyond where the follower was.
  bool is_held = false;    // Whether the handler runs meanwhile, so that the follower sees it only when it has grown.
};

// Runs a subscription until its store is put back to what it was after 5 events, when it has handled 3 or 4 more.
// `make(pause)` makes the handler, which calls `pause(event)`.
template <typename Store, typename Make>
void follow_while_put_back(Store& fixture, const put_back_while& what, const Make& make) {
  auto& store = fixture.store();
  std::atomic<must::position> last{0};
  std::atomic<bool> holds{false};
  const auto handler = make([&](const record& one) {
    last = one.position;
    while (holds) std::this_thread::yield();
  });
  auto how = must_test::subscription_cases<Store>::quick(what.lanes);
  how.save_every = 1;
  must::subscription follows(store, "view", must::query::all(), handler, how);
  std::optional<must::error> ended;
  auto runs = must_test::run_in_thread(follows, ended);
  add<Store>(store, "old", 5);
  REQUIRE(must_test::soon([&] { return follows.health().saved == 5; }));
  fixture.save();
  add<Store>(store, "lost", 3);
  REQUIRE(must_test::soon([&] { return follows.health().saved == 8; }));
  holds = what.is_held;
  if (what.is_held) {
    add<Store>(store, "last", 1);
    REQUIRE(must_test::soon([&] { return last == 9; }));
  }
  fixture.put_back();
  if (what.has_grown) add<Store>(store, "new", 9);
  holds = false;
  runs.join();
  REQUIRE(ended);
  INFO(ended->message);
  CHECK(ended->code == must::error_code::history_changed);
}

}  // namespace

EACH_STORE_TEST_CASE(with_copies,
                     "subscription: while each store is put back from a copy, one that runs takes no event for another",
                     "[subscription][race]") {
  if (!Store::has_copies()) return;
  for (const unsigned lanes : {1U, 3U})
    for (const bool has_grown : {false, true}) {
      INFO(lanes << " lanes, " << (has_grown ? "longer than before" : "shorter"));
      Store fixture;
      std::mutex mutex;
      std::vector<std::string> handled;
      const auto note = [&](const record& one) {
        const std::lock_guard lock(mutex);
        handled.push_back(one.id);
      };
      follow_while_put_back(fixture, {lanes, has_grown, has_grown}, [&](const auto& pause) {
        return [&note, pause](const record& one) {
          note(one);
          pause(one);
        };
      });
      for (const auto& id : handled) CHECK_FALSE(id.starts_with("new"));
      auto& store = fixture.store();
      if (!has_grown) add<Store>(store, "new", 9);
      handled.clear();
      must::subscription next(store, "view", must::query::all(), note,
                              must_test::subscription_cases<Store>::quick(lanes));
      CHECK(next.run_once() == 14);
      std::sort(handled.begin(), handled.end());
      CHECK(handled == ids_above<Store>(store, 5));
    }
}

EACH_STORE_TEST_CASE(with_copies, "view: of each store that is put back from a copy it counts every event once",
                     "[subscription][race]") {
  using transaction = typename must::testing::suite::store_of<Store>::transaction;
  if (!Store::has_copies()) return;
  Store fixture;
  auto& store = fixture.store();
  const typename Store::counts counts(fixture);
  const auto note = [&](transaction& in, const record& one) { counts.add(in, one.id); };
  follow_while_put_back(fixture, {3, true, false}, [&](const auto&) { return note; });
  must::subscription(store, "view", must::query::all(), note, must_test::subscription_cases<Store>::quick(3))
      .run_once();
  std::map<std::string, int> once;
  for (const auto& id : ids_above<Store>(store, 0)) once[id] = 1;
  CHECK(once.size() == 14);
  CHECK(counts.all() == once);
}

EACH_STORE_TEST_CASE(with_copies,
                     "projection and store_source: each store that is put back from a copy is told from what it was",
                     "[subscription]") {
  if (!Store::has_copies()) return;
  for (const int grown : {0, 9}) {
    INFO("it grows by " << grown);
    Store fixture;
    auto& store = fixture.store();
    auto view = must::projection<Numbers>(store, "view");
    must::store_source source(store, must::query::all());
    std::vector<must::position> pulled;
    const auto take = [&](const record& one) {
      pulled.push_back(one.position);
      return pulled.size() < 7;  // one more is not pulled yet
    };
    for (int n = 0; n < 5; ++n) must::append(store, Kept{n});
    fixture.save();
    for (int n = 5; n < 8; ++n) must::append(store, Kept{n});
    CHECK(view.run_once() == 8);
    CHECK(source.pull(take) == must::source_state::more);
    std::atomic<int> consumed{0};
    auto consumer = must::make_consumer<record>([&](const record&) { ++consumed; });
    consumer.subscribe_to(must::broadcast_producer(must::store_source(store, must::query::all())));
    std::optional<must::error> ended;
    auto runs = must_test::run_in_thread(consumer, ended);
    REQUIRE(must_test::soon([&] { return consumed == 8; }));
    fixture.put_back();
    for (int n = 0; n < grown; ++n) must::append(store, Kept{100 + n});
    for (int look = 0; look < 2; ++look) {
      CHECK(must_test::error_of([&] { view.run_once(); }).code == must::error_code::history_changed);
      CHECK(must_test::error_of([&] { static_cast<void>(source.pull(take)); }).code ==
            must::error_code::history_changed);
    }
    CHECK(pulled.size() == 7);
    CHECK(view.state().all == std::vector{0, 1, 2, 3, 4, 5, 6, 7});
    runs.join();
    REQUIRE(ended);
    CHECK(ended->code == must::error_code::history_changed);
    CHECK(consumed == 8);
    auto again = must::projection<Numbers>(store, "view");
    CHECK(again.run_once() == static_cast<must::position>(5 + grown));
    CHECK(again.state().all.size() == static_cast<std::size_t>(5 + grown));
  }
}

// SPDX-License-Identifier: MIT
// Versions of views on each store: rebuilds, kills, hand-overs.
#include "must/codec/json.hpp"
#include "must/model/view.hpp"
#include "must/must.hpp"

#include "stores/all.hpp"
#include "support/child_process.hpp"

#include <sys/types.h>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

struct Deposited {
  static constexpr auto type = "deposited";
  std::string account;
  int amount;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Deposited, account, amount)

// Counts an event under the name of a view: not idempotent, so that an event which counts twice shows.
template <typename Store>
struct count_as {
  const typename Store::counts& counts;
  std::string view;
  void operator()(typename must::testing::suite::store_of<Store>::transaction& in,
                  const must::cloud_event& event) const {
    counts.add(in, view + "/" + std::to_string(must::codec<Deposited>::decode(event.data).amount));
  }
};
std::map<std::string, int> once_each(const std::vector<std::string>& views, int count) {
  std::map<std::string, int> all;
  for (const auto& view : views)
    for (int i = 0; i < count; ++i) all[view + "/" + std::to_string(i)] = 1;
  return all;
}
template <typename Storage>
void deposit(Storage& store, int count, int first = 0) {
  for (int i = first; i < first + count; ++i) must::append(store, Deposited{i % 3 == 0 ? "a" : "b", i});
}

must::subscription_options quick(std::size_t save_every = 7) {
  return {.save_every = save_every, .lease = must::duration(300'000)};
}
constexpr std::chrono::seconds long_enough(60);

}  // namespace

EACH_STORE_TEST_CASE(with_transactions, "view: a rebuild on each store tells how far it is, and is done once",
                     "[model]") {
  Store fixture;
  const typename Store::counts counts(fixture);
  auto& store = fixture.store();
  deposit(store, 60);
  std::vector<must::rebuild_progress> told;
  const auto tell = [&](const must::rebuild_progress& now) { told.push_back(now); };
  must::view one(store, {"sums", 1}, must::query::all(), count_as<Store>{counts, "1"}, quick());
  CHECK(one.active_version() == 0);
  one.rebuild(tell);
  CHECK(one.active_version() == 1);
  REQUIRE_FALSE(told.empty());
  CHECK(told.back().done == 60);
  CHECK(told.back().total == 60);
  CHECK(told.back().left == must::duration(0));

  told.clear();
  one.rebuild(tell);
  CHECK(told.empty());

  // The user's own observer is called too.
  std::vector<must::position> saved;
  auto options = quick();
  options.window = 10;
  options.observer = [&](const must::subscription_health& now) { saved.push_back(now.saved); };
  must::view two(store, {"sums", 2}, must::query::all(), count_as<Store>{counts, "2"}, std::move(options));
  two.rebuild(tell);
  CHECK(saved.size() > 1);
  CHECK(std::is_sorted(saved.begin(), saved.end()));
  CHECK(told.back().done == 60);
  CHECK(counts.all() == once_each({"1", "2"}, 60));
}

EACH_STORE_TEST_CASE(with_processes,
                     "view: a rebuild on each store that is killed again and again comes to the same, while others "
                     "write",
                     "[model][process]") {
  Store fixture;
  const typename Store::counts counts(fixture);
  deposit(fixture.store(), 500);
  fixture.close();
  const auto writer = must_test::start_process([&] {
    auto store = fixture.open();
    deposit(store, 300, 500);
  });
  int kills = 0;
  for (int pause = 20;; pause += 10 + pause / 2) {
    const auto child = must_test::start_process([&] {
      auto store = fixture.open();
      must::view view(store, {"sums", 1}, must::query::all(), count_as<Store>{counts, "1"}, quick());
      view.rebuild();
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(pause));
    ::kill(child, SIGKILL);
    if (!WIFSIGNALED(must_test::wait_for_process(child))) break;
    ++kills;
    REQUIRE(kills < 200);
  }
  CHECK(kills > 0);
  CHECK(must_test::wait_for_process(writer) == 0);

  auto& store = fixture.store();
  must::view view(store, {"sums", 1}, must::query::all(), count_as<Store>{counts, "1"}, quick());
  CHECK(view.active_version() == 1);
  {
    const std::jthread follows([&](const std::stop_token& stop) { view.run(stop); });
    REQUIRE(view.wait_until(store.head(), long_enough));
  }
  CHECK(counts.all() == once_each({"1"}, 800));
}

EACH_STORE_TEST_CASE(
    with_transactions,
    "view: a new version on each store takes over, and what cannot be undone is done once for each event",
    "[model][race]") {
  using transaction = typename must::testing::suite::store_of<Store>::transaction;
  Store fixture;
  auto& store = fixture.store();
  deposit(store, 100);
  std::atomic<int> mails{0}, seen_by_two{0};
  auto patient = quick();
  patient.lease = must::duration(10'000'000);
  const auto mail = [&](transaction&, const auto&, must::view_phase phase) {
    if (phase == must::view_phase::live) ++mails;
  };
  must::view one(store, {"mails", 1}, must::query::all(), mail, patient);
  std::jthread first([&](const std::stop_token& stop) { one.run(stop); });
  REQUIRE(one.wait_until(100, long_enough));
  std::jthread writer([&] { deposit(store, 400, 100); });

  must::view two(
      store, {"mails", 2}, must::query::all(),
      [&](transaction& in, const auto& event, must::view_phase phase) {
        ++seen_by_two;
        mail(in, event, phase);
      },
      quick());
  std::jthread second([&](const std::stop_token& stop) { two.run(stop); });
  first.join();  // without being asked to stop
  writer.join();
  deposit(store, 1, 500);  // the former version has ended, so only one that has taken over handles it
  REQUIRE(two.wait_until(501, long_enough));
  CHECK(two.active_version() == 2);
  CHECK(seen_by_two == 501);
  CHECK(mails == 501);
  CHECK_THROWS_AS(one.run({}), must::not_owner);
}

EACH_STORE_TEST_CASE(with_transactions,
                     "view: of a version on each store that is replaced, one that stands by does not take up the work",
                     "[model][race]") {
  using transaction = typename must::testing::suite::store_of<Store>::transaction;
  for (int round = 0; round < 2; ++round) {
    Store fixture;
    auto& store = fixture.store();
    deposit(store, 20);
    std::atomic<int> mails{0};
    const auto mail = [&](transaction&, const auto&, must::view_phase phase) {
      if (phase == must::view_phase::live) ++mails;
    };
    auto standing_by = quick();
    standing_by.standby = true;
    standing_by.lease = must::duration(1'000'000);
    must::view one(store, {"mails", 1}, must::query::all(), mail, standing_by);
    must::view other(store, {"mails", 1}, must::query::all(), mail, standing_by);
    must::view two(store, {"mails", 2}, must::query::all(), mail, quick());
    std::jthread first([&](const std::stop_token& stop) { one.run(stop); });
    REQUIRE(one.wait_until(20, long_enough));
    std::jthread stands_by([&](const std::stop_token& stop) { other.run(stop); });
    const auto patience = std::chrono::steady_clock::now() + long_enough;
    while (!other.health().running && std::chrono::steady_clock::now() < patience) std::this_thread::yield();
    REQUIRE(other.health().running);  // a version that begins when a later one is in use is refused
    std::jthread writer([&] { deposit(store, 100, 20); });
    std::jthread second([&](const std::stop_token& stop) { two.run(stop); });
    first.join();
    writer.join();
    REQUIRE(two.wait_until(120, long_enough));
    stands_by.join();  // none of version 1 was asked to stop
    CHECK(mails == 120);
  }
}

EACH_STORE_TEST_CASE(with_transactions, "view: names and versions out of range are refused on each store", "[model]") {
  Store fixture;
  const typename Store::counts counts(fixture);
  auto& store = fixture.store();
  const auto make = [&](const must::view_version& which) {
    must::view made(store, which, must::query::all(), count_as<Store>{counts, "t"});
  };
  CHECK_THROWS_AS(make({"", 1}), must::bad_input);
  CHECK_THROWS_AS(make({"x", 0}), must::bad_input);
  CHECK_THROWS_AS(make({std::string(301, 'x'), 1}), must::bad_input);
}

// SPDX-License-Identifier: MIT
#include "must/codec/json.hpp"
#include "must/model/view.hpp"
#include "must/must.hpp"
#include "must/storage/memory.hpp"
#include "must/testing/crashing_store.hpp"

#include "stores/all.hpp"
#include "support/catch.hpp"
#include "support/soon.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <set>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

struct Paid {
  static constexpr auto type = "paid";
  std::string account;
  int amount;
  [[nodiscard]] std::string stream() const { return account; }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Paid, account, amount)

template <typename Storage>
void pay(Storage& store, int count, int first = 0) {
  for (int i = first; i < first + count; ++i) must::append(store, Paid{i % 2 == 0 ? "a" : "b", i});
}
must::subscription_options quick(unsigned lanes, must::failure_action then = must::failure_action::stop) {
  must::subscription_options options{.lanes = lanes, .save_every = 3, .lease = must::duration(20'000)};
  options.on_failure.then = then;
  return options;
}
constexpr std::chrono::seconds long_enough(60);

// Counts each event for its version, and a mail where that is for this version to do. Neither is idempotent: what is
// done twice shows. Fails on the amounts it is told.
template <typename Store>
struct mailing {
  using transaction = typename must::testing::suite::store_of<Store>::transaction;

  const typename Store::counts* counts;
  unsigned version;
  std::set<int> fails{};
  std::stop_source* stops_at_nine = nullptr;
  void operator()(transaction& in, const must::cloud_event& event, must::view_phase phase) const {
    const auto amount = must::codec<Paid>::decode(event.data).amount;
    if (fails.contains(amount)) throw std::runtime_error("it fails");
    if (amount == 9 && stops_at_nine != nullptr) stops_at_nine->request_stop();
    counts->add(in, "view_" + std::to_string(version) + "/" + std::to_string(amount));
    if (phase == must::view_phase::live) counts->add(in, "mails/" + std::to_string(amount));
  }
};
// A store whose views send mails.
template <typename Store>
struct mail_room {
  Store fixture{};
  typename Store::counts counts{fixture};
  must::testing::suite::store_of<Store>& store = fixture.store();

  [[nodiscard]] mailing<Store> mails(unsigned version, std::set<int> fails = {},
                                     std::stop_source* stop = nullptr) const {
    return {&counts, version, std::move(fails), stop};
  }
  // The amounts that were counted under a name, in order, each as often as it was.
  [[nodiscard]] std::vector<int> amounts_in(const std::string& name) const {
    std::vector<int> amounts;
    for (const auto& [what, times] : counts.all())
      if (what.starts_with(name + "/"))
        amounts.insert(amounts.end(), static_cast<std::size_t>(times), std::stoi(what.substr(name.size() + 1)));
    std::sort(amounts.begin(), amounts.end());
    return amounts;
  }
};
std::vector<int> numbers(int count) {
  std::vector<int> all;
  for (int i = 0; i < count; ++i) all.push_back(i);
  return all;
}

}  // namespace

EACH_STORE_TEST_CASE(with_transactions,
                     "view: what the lanes of a version have done on each store is not done again by the next",
                     "[model]") {
  for (const unsigned lanes : {1U, 2U, 3U}) {
    INFO(lanes << " lanes of the next version");
    mail_room<Store> room;
    auto& store = room.store;
    pay(store, 20);
    must::view one(store, {"mails", 1}, must::query::all(), room.mails(1, {2}), quick(2));
    CHECK_THROWS_WITH(one.rebuild(), "it fails");  // lane "a" stands still, lane "b" may be at the end
    const auto before = room.amounts_in("mails");
    must::view two(store, {"mails", 2}, must::query::all(), room.mails(2), quick(lanes));
    two.rebuild();
    CHECK(two.active_version() == 2);
    CHECK(room.amounts_in("mails") == numbers(20));
    CHECK(room.amounts_in("view_2") == numbers(20));
  }
}

EACH_STORE_TEST_CASE(with_transactions,
                     "view: an event that a version on each store has parked is parked in the next, and done once",
                     "[model]") {
  using action = must::failure_action;
  for (const auto how : {action::park, action::park_loose})
    for (const bool by_former : {false, true}) {
      INFO((how == action::park ? "strict, " : "loose, ") << (by_former ? "replayed by the former" : "by the next"));
      mail_room<Store> room;
      auto& store = room.store;
      pay(store, 10);
      must::view one(store, {"mails", 1}, must::query::all(), room.mails(1, {4}), quick(2, how));
      one.rebuild();
      REQUIRE(one.parked().size() == 1);
      if (by_former) {
        // The next version has come to where the former is, and parked what that has parked; then it is replayed there.
        std::stop_source stop;
        must::view two(store, {"mails", 2}, must::query::all(), room.mails(2, {}, &stop), quick(1, how));
        two.rebuild({}, stop.get_token());
        REQUIRE(two.parked().size() == 1);
        must::view mended(store, {"mails", 1}, must::query::all(), room.mails(1), quick(2, how));
        mended.replay_parked();
        std::jthread follows([&](const std::stop_token& ended) { mended.run(ended); });
        const auto patience = std::chrono::steady_clock::now() + long_enough;
        while (!mended.parked().empty() && std::chrono::steady_clock::now() < patience) std::this_thread::yield();
        follows.request_stop();
        follows.join();
        CHECK(mended.parked().empty());
      }
      must::view two(store, {"mails", 2}, must::query::all(), room.mails(2), quick(1, how));
      two.rebuild();
      CHECK(two.parked().empty() == by_former);
      two.replay_parked();
      std::jthread follows([&](const std::stop_token& ended) { two.run(ended); });
      const auto patience = std::chrono::steady_clock::now() + long_enough;
      while (!two.parked().empty() && std::chrono::steady_clock::now() < patience) std::this_thread::yield();
      CHECK(must_test::soon([&] { return bool(two.wait_until(10, long_enough)); }));
      follows.request_stop();
      follows.join();
      CHECK(room.amounts_in("mails") == numbers(10));
      CHECK(room.amounts_in("view_2") == numbers(10));
    }
}

EACH_STORE_TEST_CASE(with_transactions,
                     "view: a version that dies at any write of its take-over on each store leaves one in use, and "
                     "nothing is done twice",
                     "[model]") {
  const int step = Store::name() == "sqlite_store" ? 1 : 12;  // The others take longer, and have the same writes.
  bool crashed = true;
  for (int at = 1; crashed; at += step) {
    REQUIRE(at < 300);
    crashed = false;
    for (const bool stored : {false, true}) {
      INFO("write " << at << (stored ? ", stored" : ", not stored"));
      mail_room<Store> room;
      auto& store = room.store;
      pay(store, 8);
      const auto park = quick(2, must::failure_action::park);
      {
        must::view one(store, {"mails", 1}, must::query::all(), room.mails(1, {4}), park);
        one.rebuild();
      }
      must::testing::crashing_store failing(store);
      failing.crash_at(at, stored);
      try {
        must::view two(failing, {"mails", 2}, must::query::all(), room.mails(2, {1}), park);
        two.rebuild();
      } catch (const must::testing::crashed&) {
        crashed = true;
      }
      pay(store, 4, 8);
      must::view one(store, {"mails", 1}, must::query::all(), room.mails(1), quick(1, must::failure_action::park));
      const auto active = one.active_version();
      REQUIRE((active == 1 || active == 2));
      if (active == 1) {  // it goes on, whatever the other has announced
        std::jthread follows([&](const std::stop_token& stop) { one.run(stop); });
        const auto patience = std::chrono::steady_clock::now() + long_enough;
        while (one.health().scanned < 12 && std::chrono::steady_clock::now() < patience) std::this_thread::yield();
        CHECK(one.health().scanned >= 12);
      } else {
        CHECK_THROWS_AS(one.run({}), must::not_owner);
      }
      must::view two(store, {"mails", 2}, must::query::all(), room.mails(2), park);
      two.rebuild();
      two.replay_parked();
      std::jthread follows([&](const std::stop_token& stop) { two.run(stop); });
      const auto patience = std::chrono::steady_clock::now() + long_enough;
      while ((!two.parked().empty() || two.health().scanned < 12) && std::chrono::steady_clock::now() < patience)
        std::this_thread::yield();
      follows.request_stop();
      follows.join();
      CHECK(two.active_version() == 2);
      CHECK(room.amounts_in("mails") == numbers(12));
      CHECK(room.amounts_in("view_2") == numbers(12));
    }
  }
}

TEST_CASE("view: a version that has announced itself and died does not stop the one in use", "[model][race]") {
  must::memory_store<> store;
  must::append(store, Paid{"a", 1});
  std::atomic<int> mails{0};
  const auto mail = [&](const auto&, must::view_phase phase) {
    if (phase == must::view_phase::live) ++mails;
  };
  auto patient = quick(1);
  patient.lease = must::duration(5'000'000);  // A busy machine takes it from nobody who lives.
  must::view one(store, {"mails", 1}, must::query::all(), mail, patient);
  std::atomic<bool> has_ended{false};
  std::jthread follows([&](const std::stop_token& stop) {
    one.run(stop);
    has_ended = !stop.stop_requested();
  });
  REQUIRE(one.wait_until(1, long_enough));

  must::testing::crashing_store failing(store);
  must::view two(failing, {"mails", 2}, must::query::all(), mail, quick(1));
  for (int at = 1; at < 40; at += 6) {
    failing.crash_at(at, true);
    try {
      two.rebuild();
      break;
    } catch (const must::testing::crashed&) {
      const auto paid = must::append(store, Paid{"a", 2}).last;
      if (one.active_version() == 2) break;
      REQUIRE(one.wait_until(paid, long_enough));
      CHECK_FALSE(has_ended);
    }
  }
  failing.crash_at(1'000'000, true);
  must::view later(failing, {"mails", 2}, must::query::all(), mail, quick(1));
  if (later.active_version() == 1) static_cast<void>(later.withdraw());
  CHECK_FALSE(later.withdraw());
  later.rebuild();
  follows.join();  // without being asked to stop
  CHECK(later.active_version() == 2);
}

EACH_STORE_TEST_CASE(
    with_transactions,
    "view: of versions that come at once on each store the newest is in use at last, and nothing is done twice",
    "[model][race]") {
  for (int round = 0; round < 3; ++round) {
    mail_room<Store> room;
    auto& store = room.store;
    pay(store, 20);
    must::view one(store, {"mails", 1}, must::query::all(), room.mails(1), quick(2));
    must::view two(store, {"mails", 2}, must::query::all(), room.mails(2), quick(2));
    must::view three(store, {"mails", 3}, must::query::all(), room.mails(3), quick(1));
    one.rebuild();
    const auto follow = [](auto& version) {
      return std::jthread([&](const std::stop_token& stop) {
        try {
          version.run(stop);
        } catch (const must::not_owner&) {}  // a later one came first
      });
    };
    auto first = follow(one);
    auto writer = std::jthread([&] { pay(store, 40, 20); });
    auto second = follow(two);
    auto third = follow(three);
    writer.join();
    first.join();
    second.join();
    CHECK(three.wait_until(60, long_enough));
    third.request_stop();
    third.join();
    CHECK(three.active_version() == 3);
    CHECK(room.amounts_in("mails") == numbers(60));
    CHECK(room.amounts_in("view_3") == numbers(60));
  }
}

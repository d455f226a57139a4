// SPDX-License-Identifier: MIT
// Tests random histories of a subscription on each store: appends, crashes, stops, restarts, parking, replays and
// changes of lanes come in any order.
#include "must/subscription.hpp"
#include "must/testing/crashing_store.hpp"

#include "cases/subscription.hpp"
#include "stores/all.hpp"
#include "support/run_in_thread.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using record = must::recorded<must::payload>;

// Makes steps with one subscription of a store, by a seed. The handler is without a transaction, or counts in one.
template <typename Store>
class history {
 public:
  explicit history(std::uint64_t seed) : random_(seed), strict_(draw(2) == 0) {}

  // Takes any steps. At the end nothing fails any more, and all that is parked is replayed.
  template <typename Handler>
  void run(const Handler& handler) {
    for (int step = 0; step < 25; ++step) take_step(handler);
    failing_.clear();
    for (int round = 0; round < 10; ++round) {
      follow(fixture.store(), handler, [](auto& one) { one.replay_parked(); });
      follow(fixture.store(), handler, [](auto& one) { one.run_once(); });
    }
    follow(fixture.store(), handler, [&](auto& one) {
      CHECK(one.run_once() == fixture.store().head());
      CHECK(one.parked().empty());
      CHECK(one.health().lag == 0);
    });
  }
  // Returns the ids of what is wanted, in the order of the store, by stream.
  std::map<std::string, std::vector<std::string>> wanted() {
    std::map<std::string, std::vector<std::string>> all;
    for (const auto& one : must::testing::suite::read_all<Store>(fixture.store(), cases::wanted()))
      all[one.subject].push_back(one.id);
    return all;
  }
  // Throws for the events that fail at present.
  void let_fail(const std::string& id) {
    const std::lock_guard lock(mutex_);
    if (failing_.contains(id)) throw std::runtime_error("not now");
  }
  [[nodiscard]] bool is_strict() const { return strict_; }
  [[nodiscard]] std::string told() const { return steps_; }

  Store fixture{};

 private:
  using cases = must_test::subscription_cases<Store>;

  template <typename Storage, typename Handler, typename Work>
  void follow(Storage& store, const Handler& handler, Work&& work) {
    auto how = cases::quick(1 + draw(3));
    how.window = 1 + draw(12);
    how.save_every = 1 + draw(6);
    how.on_failure.attempts = 1 + draw(2);
    how.on_failure.then = strict_ ? must::failure_action::park : must::failure_action::park_loose;
    how.lease = must::duration(3'000);
    must::subscription one(store, "history", cases::wanted(), handler, how);
    work(one);
  }
  void append() {
    for (unsigned left = 1 + draw(6); left > 0; --left) {
      auto one =
          must::testing::suite::event<Store>(draw(5) == 0 ? "unwanted" : "wanted", "s" + std::to_string(draw(4)));
      if (draw(6) == 0) {
        const std::lock_guard lock(mutex_);
        failing_.insert(one.id);
      }
      must::testing::suite::append<Store>(fixture.store(), one).value();
    }
  }
  template <typename Handler>
  void take_step(const Handler& handler) {
    auto& store = fixture.store();
    switch (draw(7)) {
      case 0:
      case 1:
        steps_ += " append";
        append();
        break;
      case 2:
        steps_ += " run";
        follow(store, handler, [](auto& one) { one.run_once(); });
        break;
      case 3: {
        steps_ += " crash";
        must::testing::crashing_store failing(store);
        failing.crash_at(static_cast<int>(1 + draw(12)), draw(2) == 0);
        try {
          follow(failing, handler, [&](auto& one) {
            if (draw(4) == 0) one.replay_parked();
            one.run_once();
          });
        } catch (const must::testing::crashed&) {}
        break;
      }
      case 4:
        steps_ += " replay";
        if (draw(2) == 0) {
          const std::lock_guard lock(mutex_);
          failing_.clear();
        }
        follow(store, handler, [](auto& one) { one.replay_parked(); });
        break;
      case 5:
        steps_ += " live";
        follow(store, handler, [&](auto& one) {
          std::optional<must::error> ended;
          {
            const auto runs = must_test::run_in_thread(one, ended);
            append();
          }
          CHECK_FALSE(ended);
        });
        break;
      default:
        steps_ += " reopen";
        if constexpr (Store::capabilities.durable) fixture.reopen();
    }
  }
  unsigned draw(unsigned below) { return static_cast<unsigned>(random_() % below); }

  std::mt19937_64 random_;
  bool strict_;
  std::mutex mutex_{};
  std::set<std::string> failing_{};
  std::string steps_{};
};

// Runs histories by seeds that follow one another. MUST_TEST_SEED is the first.
template <typename Run>
void for_seeds(Run&& run) {
  const auto first = must::testing::suite::seed();
  for (std::uint64_t seed = first; seed < first + 15; ++seed) {
    INFO("MUST_TEST_SEED=" << seed);
    run(seed);
  }
}

}  // namespace

EACH_STORE_TEST_CASE(with_cells,
                     "subscription: in random histories on each store nothing wanted is lost or out of order",
                     "[subscription][race]") {
  for_seeds([](std::uint64_t seed) {
    history<Store> one(seed);
    std::mutex mutex;
    std::map<std::string, std::vector<std::string>> handled;  // By stream, in the order in which each came first.
    std::set<std::string> known;
    one.run([&](const record& event) {
      one.let_fail(event.id);
      const std::lock_guard lock(mutex);
      if (known.insert(event.id).second) handled[event.subject].push_back(event.id);
    });
    auto expected = one.wanted();
    if (!one.is_strict())
      for (auto* all : {&handled, &expected})
        for (auto& [stream, ids] : *all) std::sort(ids.begin(), ids.end());
    INFO((one.is_strict() ? "strict:" : "loose:") << one.told());
    CHECK(handled == expected);
  });
}

EACH_STORE_TEST_CASE(
    with_transactions,
    "subscription: in random histories each store counts every event once in the checkpoint's transaction",
    "[subscription][race]") {
  using transaction = typename must::testing::suite::store_of<Store>::transaction;
  for_seeds([](std::uint64_t seed) {
    history<Store> one(seed);
    const typename Store::counts counts(one.fixture);
    one.run([&](transaction& in, const record& event) {
      counts.add(in, event.id);
      one.let_fail(event.id);  // What was counted is taken back.
    });
    INFO((one.is_strict() ? "strict:" : "loose:") << one.told());
    auto counted = counts.all();
    for (const auto& [stream, ids] : one.wanted())
      for (const auto& id : ids) {
        INFO("event " << id << " of stream " << stream);
        CHECK(counted[id] == 1);
        counted.erase(id);
      }
    for (const auto& [id, count] : counted) FAIL_CHECK("event " << id << ", not wanted, is counted " << count << "x");
  });
}

// SPDX-License-Identifier: MIT
// Tests random histories of the versions of a view on each store: events, failures, lanes, stops, crashes, hand-overs,
// versions that are withdrawn, parked events that are replayed, skipped or dropped, narrower queries, restores.
#include "must/model/view.hpp"
#include "must/must.hpp"
#include "must/subscriptions.hpp"
#include "must/testing/crashing_store.hpp"
#include "must/testing/fixed_origin.hpp"

#include "cases/random_history.hpp"
#include "stores/restorable.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <vector>

using namespace must_test;

namespace {

using action = must::failure_action;
using record = must::recorded<must::payload>;

// What handlers do, where that is not in a transaction of the store.
struct journal {
  std::map<std::string, int> counts{};
  std::map<std::string, std::vector<std::string>> first_calls{};  // Of each version and stream, in order.

  template <typename Place>
  explicit journal(const Place&) {}
  void note(const std::string& version, const record& event) {
    if (++counts[version + event.id] == 1) first_calls[version + event.subject].push_back(event.id);
  }
};

// Transactional: whether the handler writes in the transaction of the checkpoint.
template <typename Place, bool Transactional>
class view_history {
 public:
  explicit view_history(std::uint64_t seed)
      : dice_(seed), then_(dice_.any_of(std::vector{action::park, action::park, action::park_loose, action::stop})) {
    place_.save();
  }

  void run() {
    for (int step = 0; step < 22; ++step) take_step();
    fail_no_more();
    settle();
    INFO((then_ == action::park ? "strict:" : then_ == action::park_loose ? "loose:" : "stops:") << dice_.story());
    check();
  }

 private:
  using store_type = typename Place::store_type;
  static constexpr auto long_enough = std::chrono::seconds(20);

  must::subscription_options options() {
    must::subscription_options how{.lanes = 1 + dice_.draw(3),
                                   .window = 1 + dice_.draw(12),
                                   .save_every = 1 + dice_.draw(6),
                                   .save_interval = must::duration(2'000),
                                   .lease = must::duration(20'000)};
    how.on_failure = {.attempts = 1 + dice_.draw(2), .delay = must::duration(100), .then = then_};
    return how;
  }
  static must::query wanted() { return must::query::of_types({"wanted", "also"}); }
  static std::string table(unsigned version) { return "t" + std::to_string(version) + "/"; }

  void at_call(const record& event) {
    std::function<void()> due;
    {
      const std::lock_guard lock(mutex_);
      if (left_ > 0 && --left_ == 0) due = then_at_call_;
    }
    if (due) due();
    const std::lock_guard lock(mutex_);
    if (failing_.contains(event.id)) throw std::runtime_error("not now");
  }
  auto handler(unsigned version) {
    if constexpr (Transactional) {
      return [this, version](typename store_type::transaction& in, const record& event, must::view_phase phase) {
        counts_.add(in, table(version) + event.id);
        if (phase == must::view_phase::live) counts_.add(in, "mail/" + event.id);
        at_call(event);  // What was counted is taken back when it throws.
      };
    } else {
      return [this, version](const record& event, must::view_phase phase) {
        at_call(event);
        const std::lock_guard lock(mutex_);
        counts_.note(table(version), event);
        if (phase == must::view_phase::live) counts_.note("mail/", event);
      };
    }
  }
  template <typename Storage>
  auto made(Storage& store, unsigned version, must::query which = wanted()) {
    return must::view(store, {"list/1", version}, std::move(which), handler(version), options());
  }
  // Does something that may end with a failure of a handler, or with the news that the store was restored.
  template <typename Work>
  bool attempt(Work&& work) {
    try {
      work();
      return true;
    } catch (const must::history_changed& why) {
      last_failure_ = why.what();
      begin_anew();
    } catch (const must::not_owner& why) {
      last_failure_ = why.what();
      if (!restored_under_way_ && !is_replaced_) FAIL_CHECK(why.what() << ":" << dice_.story());
    } catch (const std::runtime_error& why) {
      last_failure_ = why.what();
      if (then_ != action::stop || std::string_view(why.what()) != "not now") throw;
    }
    return false;
  }
  // The tables are emptied, and all versions begin again. The mails that were sent stay sent.
  void begin_anew() {
    dice_.tell("(told)");
    begun_anew_ = true;
    must::subscriptions all(place_.store());
    for (const auto& one : all.list()) all.reset(one.name);
    if constexpr (Transactional && Place::can_restore)
      for (unsigned version = 1; version <= newest_; ++version)
        execute(place_.folder.file(), "DELETE FROM counted WHERE what LIKE '" + table(version) + "%'");
  }
  // Lets a version run, does something beside it, and stops it when it has come to the end, or has ended by itself.
  // Returns whether it came to the end.
  template <typename View, typename Beside>
  bool run_beside(View& one, Beside&& beside) {
    std::atomic<bool> has_ended{false};
    bool told = false;
    bool came = false;
    {
      std::exception_ptr failure;
      {
        std::jthread runs([&](const std::stop_token& stop) {
          try {
            one.run(stop);
          } catch (...) {
            failure = std::current_exception();
          }
          has_ended = true;
        });
        beside();
        const auto end = std::chrono::steady_clock::now() + long_enough;
        while (!has_ended && !came && std::chrono::steady_clock::now() < end) {
          came = one.health().scanned >= place_.store().head() && one.health().lag == 0;
          if (!came) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        if (!came && !has_ended) FAIL_CHECK("it does not come to the end:" << dice_.story());
      }
      told = !attempt([&] {
        if (failure) std::rethrow_exception(failure);
      });
    }
    return came && !told;
  }
  [[nodiscard]] unsigned in_use() {
    auto one = made(place_.store(), 1);
    return one.active_version();
  }
  // The version in use, or the newest where that is not at the end of the store yet.
  [[nodiscard]] unsigned current() {
    const auto now = in_use();
    return now == 0 ? newest_ : now;
  }

  void append() {
    place_.stir();
    for (unsigned left = 1 + dice_.draw(6); left > 0; --left) {
      must::cloud_event one{.id = "e" + std::to_string(++events_), .source = "/shop"};
      const auto kind = dice_.draw(6);
      one.type = kind == 0 ? "unwanted" : kind == 1 ? "also" : "wanted";
      one.subject = "s" + std::to_string(dice_.draw(4));
      if (dice_.one_in(7)) {
        const std::lock_guard lock(mutex_);
        failing_.insert(one.id);
      }
      REQUIRE(place_.store().append(std::span(&one, 1), {}).stored());
    }
  }
  void arm(std::function<void()> then) {
    const std::lock_guard lock(mutex_);
    left_ = static_cast<int>(1 + dice_.draw(8));
    then_at_call_ = std::move(then);
  }
  void disarm() {
    const std::lock_guard lock(mutex_);
    left_ = 0;
  }
  void fail_no_more() {
    const std::lock_guard lock(mutex_);
    failing_.clear();
  }
  unsigned next_version() {
    if (newest_ < 4 && dice_.one_in(2)) ++newest_;
    return std::max(newest_, current());
  }

  void take_step() {
    switch (dice_.draw(12)) {
      case 0:
      case 1:
      case 2:
        dice_.tell("append");
        append();
        break;
      case 3: {
        const auto version = current();
        dice_.tell("live " + std::to_string(version));
        auto one = made(place_.store(), version);
        run_beside(one, [&] { append(); });
        break;
      }
      case 4: {
        const auto version = next_version();
        dice_.tell("rebuild " + std::to_string(version));
        attempt([&] { made(place_.store(), version).rebuild(); });
        break;
      }
      case 5: {
        const auto version = next_version();
        dice_.tell("stop " + std::to_string(version));
        std::stop_source stop;
        arm([&] { stop.request_stop(); });
        attempt([&] { made(place_.store(), version).rebuild({}, stop.get_token()); });
        disarm();
        break;
      }
      case 6:
      case 7: {
        const auto version = next_version();
        dice_.tell("crash " + std::to_string(version));
        must::testing::crashing_store failing(place_.store());
        failing.crash_at(static_cast<int>(1 + dice_.draw(24)), dice_.one_in(2));
        try {
          attempt([&] { made(failing, version).rebuild(); });
        } catch (const must::testing::crashed&) {}
        break;
      }
      case 8: {
        const auto version = current();
        const auto later = next_version();
        if (later == version) break;
        dice_.tell("live " + std::to_string(version) + " beside " + std::to_string(later));
        auto one = made(place_.store(), version);
        is_replaced_ = true;  // Whoever comes late is told that another version is in use.
        run_beside(one, [&] { attempt([&] { made(place_.store(), later).rebuild(); }); });
        is_replaced_ = false;
        break;
      }
      case 9: {
        dice_.tell("withdraw " + std::to_string(newest_));
        static_cast<void>(made(place_.store(), newest_).withdraw());
        break;
      }
      case 10: ask(); break;
      default:
        if (dice_.one_in(3))
          narrow();
        else
          restore();
    }
  }
  // Replays all that is parked, or lets one be replayed, skipped or dropped. The next run does it.
  void ask() {
    const auto who = must::follower::view("list/1", current());
    must::subscriptions all(place_.store());
    const auto parked = all.parked(who);
    if (parked.empty()) return;
    const auto& one = dice_.any_of(parked);
    const auto what = dice_.draw(5);
    dice_.tell((what > 2 ? "mend" : what == 0 ? "replay:" : what == 1 ? "skip:" : "drop:") + (what > 2 ? "" : one.id));
    if (what > 2) {
      fail_no_more();
      all.replay_all(who);
      auto version = made(place_.store(), current());
      run_beside(version, [] {});
    }
    if (what == 0) all.replay(who, one.position);
    if (what == 1) all.skip(who, one.position);
    if (what == 2) all.drop(who, one.position);
    if (what == 1) left_out_.insert(one.id);
    if (what == 1 && one.attempts == 0) left_out_keys_.insert(one.key);
    if (what == 2) left_out_keys_.insert(one.key);
  }
  // Replays what is parked with a query that does not match all of it any more. What it does not match stays listed.
  void narrow() {
    const auto version = current();
    dice_.tell("narrow " + std::to_string(version));
    auto wide = made(place_.store(), version);
    if (!run_beside(wide, [] {}) || wide.active_version() != version) return;
    const auto before = wide.parked();
    for (const auto& one : before)
      if (one.strict) left_out_keys_.insert(one.key);  // Of what waits behind, the rest is not wanted any more.
    auto narrower = made(place_.store(), version, must::query::of_types({"wanted"}));
    narrower.replay_parked();
    run_beside(narrower, [&] {
      const auto end = std::chrono::steady_clock::now() + long_enough;
      const auto is_told = [&] {
        const auto now = narrower.parked();
        return std::all_of(now.begin(), now.end(), [](const auto& one) {
          return one.type != "also" || one.attempts == 0 || one.reason.starts_with("the query of the subscription");
        });
      };
      while (!is_told() && std::chrono::steady_clock::now() < end)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    });
    const auto after = narrower.parked();
    for (const auto& one : before) {
      INFO("parked " << one.id << ":" << dice_.story());
      if (one.type == "also" && one.attempts > 0)
        CHECK(std::any_of(after.begin(), after.end(), [&](const auto& other) { return other.id == one.id; }));
    }
  }
  void restore() {
    if (!Place::can_restore || dice_.one_in(3)) {
      dice_.tell("reopen");
      place_.reopen("/test");
      return;
    }
    if (dice_.one_in(2)) {
      dice_.tell("save");
      place_.save();
      return;
    }
    const auto which = dice_.draw(static_cast<unsigned>(place_.copies()));
    if (dice_.one_in(3)) {
      const auto version = current();
      dice_.tell("restore " + std::to_string(which) + " under " + std::to_string(version));
      restored_under_way_ = true;
      auto one = made(place_.store(), version);
      if (Transactional) {
        run_beside(one, [&] {
          append();
          place_.restore(which);
        });
      } else {
        arm([this, which] { place_.restore(which); });
        run_beside(one, [&] { append(); });
        disarm();
      }
      restored_under_way_ = false;
    } else {
      const bool is_marked = dice_.one_in(2);
      dice_.tell("restore " + std::to_string(which) + (is_marked ? " marked" : ""));
      place_.restore(which);
      if (is_marked) place_.mark_restored();
    }
    place_.reopen("/test");
  }
  void settle() {
    newest_ = std::max(newest_, current());
    for (int round = 0; round < 40; ++round) {
      bool is_done = false;
      attempt([&] {
        auto one = made(place_.store(), newest_);
        one.replay_parked();
        if (!run_beside(one, [&] {
              const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
              while ((!one.parked().empty() || one.active_version() != newest_) &&
                     std::chrono::steady_clock::now() < end)
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
            }))
          return;
        is_done = one.parked().empty() && one.active_version() == newest_;
      });
      if (is_done) return;
    }
    FAIL_CHECK("it never comes to the end:" << dice_.story() << "; the last failure: " << last_failure_);
  }

  void check() {
    std::map<std::string, int> counted;
    if constexpr (Transactional)
      counted = counts_.all();
    else
      counted = counts_.counts;
    std::map<std::string, std::vector<std::string>> expected;
    std::set<std::string> known;
    const auto all = must::events_in(place_.store(), wanted());
    for (const auto& event : all) {
      INFO("event " << event.id << " of stream " << event.subject);
      known.insert(event.id);
      const bool is_left_out = left_out_.contains(event.id) || left_out_keys_.contains(event.subject);
      const auto rows = counted[table(newest_) + event.id], mails = counted["mail/" + event.id];
      if (!is_left_out) {
        CHECK(rows >= 1);
        CHECK(mails >= 1);
        expected[event.subject].push_back(event.id);
      }
      if (Transactional) {
        CHECK(rows <= 1);
        if (!begun_anew_) CHECK(mails <= 1);
      }
    }
    for (const auto& [what, times] : counted) {
      INFO(what);
      if (Transactional && !begun_anew_ && times > 0) CHECK(known.contains(what.substr(what.find('/') + 1)));
    }
    if constexpr (!Transactional)
      if (then_ != action::park_loose)
        for (const auto& [stream, ids] : expected) {
          std::vector<std::string> found;
          for (const auto& id : counts_.first_calls[table(newest_) + stream])
            if (known.contains(id) && std::find(ids.begin(), ids.end(), id) != ids.end()) found.push_back(id);
          INFO("stream " << stream);
          CHECK(found == ids);
        }
  }

  history_dice dice_;
  action then_;
  must::testing::fixed_clock clock_{};
  Place place_{clock_};
  template <bool Counts, typename P>
  struct counts_of {
    using type = journal;
  };
  template <typename P>
  struct counts_of<true, P> {
    using type = typename P::counts;
  };
  typename counts_of<Transactional, Place>::type counts_{place_};
  std::mutex mutex_{};
  std::set<std::string> failing_{};
  int left_ = 0;  // After so many calls `then_at_call_` is called.
  std::function<void()> then_at_call_{};
  std::set<std::string> left_out_{}, left_out_keys_{};  // What was skipped or dropped, at the most.
  bool restored_under_way_ = false, is_replaced_ = false, begun_anew_ = false;
  std::string last_failure_{};
  unsigned newest_ = 1;
  int events_ = 0;
};

}  // namespace

EACH_PLACE_TEST_CASE("view: in random histories every event is handled, in order, by the version in use",
                     "[model][race]") {
  for_history_seeds(15, [](std::uint64_t seed) { view_history<TestType, false>(seed).run(); });
}

TEST_CASE("view: in random histories every event is counted once, and mailed once, in transactions", "[model][race]") {
  for_history_seeds(15, [](std::uint64_t seed) { view_history<restorable_sqlite, true>(seed).run(); });
}

#ifndef MUST_TESTS_WITHOUT_POSTGRES
TEST_CASE("view: in random histories on postgres_store every event is counted once, and mailed once",
          "[model][race][postgres]") {
  if (restorable_postgres::is_available())
    for_history_seeds(5, [](std::uint64_t seed) { view_history<restorable_postgres, true>(seed).run(); });
}
#endif

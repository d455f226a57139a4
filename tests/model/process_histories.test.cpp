// SPDX-License-Identifier: MIT
// Tests random histories of a process manager on each store: events, failures, stops, crashes, deadlines, instances
// that are ended by hand, parked events that are replayed, skipped or dropped, releases, restores, in any order.
#include "must/codec/json.hpp"
#include "must/model/process_manager.hpp"
#include "must/must.hpp"
#include "must/subscriptions.hpp"
#include "must/testing/crashing_store.hpp"
#include "must/testing/fixed_origin.hpp"

#include "cases/random_history.hpp"
#include "stores/restorable.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

using namespace must_test;

namespace {

// What happens to an order, from outside.
struct Placed {
  static constexpr auto type = "order.placed";
  std::string order;
  int n;
};
struct Touched {
  static constexpr auto type = "order.touched";
  std::string order;
  int n;
};
struct Paid {
  static constexpr auto type = "order.paid";
  std::string order;
  int n;
};
struct Cancelled {
  static constexpr auto type = "order.cancelled";
  std::string order;
  int n;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Placed, order, n)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Touched, order, n)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Paid, order, n)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Cancelled, order, n)

// What a command comes to.
struct Done {
  static constexpr auto type = "done";
  std::string what, order;
  int n, seen;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Done, what, order, n, seen)

// What is about to go wrong.
struct trouble {
  std::mutex mutex{};
  std::set<int> reactions{}, commands{};  // The events that fail, or whose commands fail, by their numbers.
  int left = 0;                           // After so many calls `then` is called.
  std::function<void()> then{};

  void at_call(const std::set<int>& failing, int n) {
    std::function<void()> due;
    {
      const std::lock_guard lock(mutex);
      if (left > 0 && --left == 0) due = then;
    }
    if (due) due();
    const std::lock_guard lock(mutex);
    if (failing.contains(n)) throw std::runtime_error("not now");
  }
};
trouble* present = nullptr;

// A command in two releases: the second has a member more.
struct Do {
  static constexpr auto type = "do";
  std::string what{}, order{};
  int n = 0, seen = 0;

  static constexpr auto be_authorized = must::anyone;
  void be_valid() const {
    present->at_call(present->commands, n);
    must::ensure(what != "ship" || n % 3 != 0, "there is nothing to ship");
  }
  Done be_translated_to_events() const { return {what, order, n, seen}; }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Do, what, order, n, seen)
struct DoWithCare : Do {
  std::string carrier = "any";
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(DoWithCare, what, order, n, seen, carrier)

template <typename Command>
struct Fulfilment {
  using events = must::events<Placed, Touched, Paid, Cancelled>;
  using starts = must::events<Placed>;
  using ends = must::events<Cancelled>;
  using commands = must::commands<Command>;
  std::string order{};
  int touched = 0;

  static std::string key_of(const auto& event) { return event.order; }
  void apply(const Placed& event) { order = event.order; }
  void apply(const Touched&) { ++touched; }
  void apply(const Paid&) {}
  void apply(const Cancelled&) {}
  static Command to(const char* what, const std::string& order, int n, int seen = 0) {
    Command made;
    made.what = what;
    made.order = order;
    made.n = n;
    made.seen = seen;
    return made;
  }
  auto react(const Placed& event) const {
    present->at_call(present->reactions, event.n);
    return std::tuple(to("reserve", event.order, event.n), must::process_deadline{"late", std::chrono::hours(1)});
  }
  auto react(const Touched& event) const {
    present->at_call(present->reactions, event.n);
    return to("note", event.order, event.n, touched);
  }
  auto react(const Paid& event) const {
    present->at_call(present->reactions, event.n);
    return std::vector{to("ship", event.order, event.n), to("thank", event.order, event.n)};
  }
  auto react(const Cancelled& event) const {
    present->at_call(present->reactions, event.n);
    return to("close", event.order, event.n);
  }
  auto refused(const Command& of, const must::error&) const { return to("refund", of.order, of.n); }
  auto on_deadline(std::string_view) const { return to("remind", order, 0); }
};

using action = must::failure_action;

template <typename Place>
class process_history {
 public:
  explicit process_history(std::uint64_t seed)
      : dice_(seed), then_(dice_.any_of(std::vector{action::park, action::park, action::park_loose, action::stop})) {
    present = &trouble_;
    place_.save();
  }
  process_history(const process_history&) = delete;
  process_history& operator=(const process_history&) = delete;
  ~process_history() { present = nullptr; }

  void run() {
    for (int step = 0; step < 30; ++step) take_step();
    trouble_.reactions.clear();
    trouble_.commands.clear();
    settle();
    clock_.advance(must::duration(7'200'000'000));
    settle();
    INFO((then_ == action::park ? "strict:" : then_ == action::park_loose ? "loose:" : "stops:") << dice_.story());
    check();
  }

 private:
  using store_type = typename Place::store_type;

  must::subscription_options options() {
    must::subscription_options how{
        .save_every = 1 + dice_.draw(5), .save_interval = must::duration(2'000), .lease = must::duration(3'000)};
    how.on_failure = {.attempts = 1 + dice_.draw(2), .delay = must::duration(100), .then = then_};
    return how;
  }
  // Makes a process manager of either release, and does something with it.
  template <typename Storage, typename Work>
  void follow(Storage& store, Work&& work) {
    std::optional<must::error> told;
    try {
      if (dice_.one_in(2)) {
        auto one = must::process_manager<Fulfilment<Do>>(store, name_, options());
        work(one);
      } else {
        auto one = must::process_manager<Fulfilment<DoWithCare>>(store, name_, options());
        work(one);
      }
    } catch (const must::history_changed& why) {
      told = why.error();
    } catch (const std::runtime_error& why) {
      if (then_ != action::stop || std::string_view(why.what()) != "not now") throw;
    }
    if (!told) return;
    dice_.tell("(told)");
    must::subscriptions(place_.store()).reset(who_);
    for (const auto& order : orders_)  // What has decided on an event that was lost meanwhile is ended by hand.
      if (told->stream == must::stored_names::process_stream(name_, order).now && !told_once_.insert(order).second)
        static_cast<void>(must::detail::model::end_process_of(place_.store(), name_, order));
  }
  void append() {
    place_.stir();
    for (unsigned left = 1 + dice_.draw(6); left > 0; --left) {
      const int n = ++made_;
      if (orders_.empty() || dice_.one_in(5)) {
        orders_.push_back("o/" + std::to_string(n) + "@%");
        if (!dice_.one_in(6)) add(Placed{orders_.back(), n});  // Else what follows is of no process.
      } else if (const auto& order = dice_.any_of(orders_); dice_.one_in(9)) {
        add(Cancelled{order, n});
      } else if (dice_.one_in(2)) {
        add(Paid{order, n});
      } else {
        add(Touched{order, n});
      }
    }
  }
  template <typename E>
  void add(const E& event) {
    must::cloud_event made{.id = "e" + std::to_string(event.n), .source = "/shop", .type = E::type};
    made.subject = "s" + std::to_string(dice_.draw(3));  // Streams have nothing to do with instances.
    made.data = must::codec<E>::encode(event);
    {
      const std::lock_guard lock(trouble_.mutex);
      for (auto* failing : {&trouble_.reactions, &trouble_.commands})
        if (dice_.one_in(8)) {
          failing->insert(event.n);
          failed_.insert(event.order);
          // Where the first event is set aside, the later ones are passed over.
          if (then_ == action::park_loose && std::is_same_v<E, Placed>) left_out_.insert(event.order);
        }
    }
    REQUIRE(place_.store().append(std::span(&made, 1), {}).stored());
  }
  void arm(std::function<void()> then) {
    trouble_.left = static_cast<int>(1 + dice_.draw(6));
    trouble_.then = std::move(then);
  }
  void take_step() {
    switch (dice_.draw(13)) {
      case 0:
      case 1:
      case 2:
        dice_.tell("append");
        append();
        break;
      case 3:
        dice_.tell("run");
        follow(place_.store(), [](auto& one) { one.run_once(); });
        break;
      case 4: {
        dice_.tell("crash");
        must::testing::crashing_store failing(place_.store());
        failing.crash_at(static_cast<int>(1 + dice_.draw(14)), dice_.one_in(2));
        try {
          follow(failing, [&](auto& one) {
            if (dice_.one_in(3)) one.replay_parked();
            one.run_once();
          });
        } catch (const must::testing::crashed&) {}
        break;
      }
      case 5: {
        dice_.tell("stop");
        std::stop_source stop;
        arm([&] { stop.request_stop(); });
        follow(place_.store(), [&](auto& one) { one.run_once(stop.get_token()); });
        trouble_.left = 0;
        break;
      }
      case 6:
        dice_.tell("live");
        follow(place_.store(), [&](auto& one) {
          std::exception_ptr failure;
          {
            const std::jthread runs([&](const std::stop_token& stop) {
              try {
                one.run(stop);
              } catch (...) {
                failure = std::current_exception();
              }
            });
            append();
          }
          if (failure) std::rethrow_exception(failure);
        });
        break;
      case 7:
        dice_.tell("mend");
        trouble_.reactions.clear();
        trouble_.commands.clear();
        follow(place_.store(), [](auto& one) { one.replay_parked(); });
        break;
      case 8: ask(); break;
      case 9:
        dice_.tell("deadlines");
        clock_.advance(must::duration(dice_.one_in(2) ? 3'600'000'000 : 600'000'000));
        break;
      case 10:
        if (!orders_.empty()) {
          const auto& order = dice_.any_of(orders_);
          dice_.tell("end:" + order);
          follow(place_.store(), [&](auto& one) { static_cast<void>(one.end(order)); });
        }
        break;
      case 11: {
        source_ = dice_.one_in(2) ? "/test" : "/renamed";
        dice_.tell("reopen:" + source_);
        place_.reopen(source_);
        break;
      }
      default: restore();
    }
  }
  // Lets one parked event be replayed, skipped or dropped.
  void ask() {
    must::subscriptions all(place_.store());
    const auto parked = all.parked(who_);
    if (parked.empty()) return;
    const auto& one = dice_.any_of(parked);
    const auto what = dice_.draw(3);
    dice_.tell((what == 0 ? "replay:" : what == 1 ? "skip:" : "drop:") + one.id);
    if (what == 0) all.replay(who_, one.position);
    if (what == 1) all.skip(who_, one.position);
    if (what == 2) all.drop(who_, one.position);
    if (what != 0) left_out_.insert(one.key);
  }
  void restore() {
    if (!Place::can_restore) return;
    if (dice_.one_in(3)) {
      dice_.tell("save");
      place_.save();
      return;
    }
    const auto which = dice_.draw(static_cast<unsigned>(place_.copies()));
    // Ids follow from the source. A command that runs as its decision is lost has the same one later, under that
    // source.
    const bool is_under_way = dice_.one_in(3) && source_ == "/test";
    dice_.tell((is_under_way ? "restore under way:" : "restore:") + std::to_string(which));
    if (is_under_way) {
      arm([&, which] {
        place_.restore(which);
        restored_under_way_ = true;
      });
      follow(place_.store(), [](auto& one) { one.run_once(); });
      trouble_.left = 0;
    } else {
      place_.restore(which);
      if (dice_.one_in(2)) place_.mark_restored();
    }
    source_ = "/test";
    place_.reopen(source_);
  }
  void settle() {
    for (int round = 0; round < 40; ++round) {
      follow(place_.store(), [](auto& one) { one.replay_parked(); });
      follow(place_.store(), [](auto& one) { one.run_once(); });
      bool is_done = false;
      follow(place_.store(), [&](auto& one) {
        is_done = one.run_once() == place_.store().head() && one.parked().empty() && one.health().lag == 0;
      });
      if (is_done) return;
    }
    FAIL_CHECK("it never comes to the end:" << dice_.story());
  }

  // How much is known of what was done for an order: all of it, all but the order, or only what may have been done.
  enum class known : std::uint8_t { exactly, in_any_order, at_most };
  struct told_order {
    known how = known::exactly;
    std::map<std::string, int> expected{}, found{};
    bool is_begun = false, is_ended = false;
    int touched = 0;
    must::position ended_by_hand = 0;
  };

  // Tells what the store must hold, by what has happened to each order there.
  void check() {
    const auto all = must::events_in(place_.store(), must::query::all());
    std::map<std::string, told_order> orders;
    std::set<int> numbers;  // Of what has happened, as far as it is not lost.
    for (const auto& event : all)
      if (const auto decided = event.template as<must::process_decided>();
          decided && decided->on == must::process_decided::cause::hand)
        orders[decided->key].ended_by_hand = event.position;
    for (const auto& order : orders_) {
      auto& one = orders[order];
      if (then_ == action::park_loose && failed_.contains(order)) one.how = known::in_any_order;
      if (left_out_.contains(order) || one.ended_by_hand != 0) one.how = known::at_most;
    }
    const auto happens = [&](const auto& event, must::position at, auto&& then) {
      if (!event) return;
      auto& one = orders[event->order];
      numbers.insert(event->n);
      if (one.ended_by_hand != 0 && at > one.ended_by_hand) return;
      const bool is_strict = one.how == known::exactly;
      if (is_strict && (!one.is_begun || one.is_ended)) return;
      then(one, event->n);
    };
    for (const auto& event : all) {
      const auto placed = event.template as<Placed>();
      if (placed) orders[placed->order].is_begun = true;
      happens(placed, event.position, [](auto& one, int n) { one.expected[shown("reserve", n)] = 1; });
      happens(event.template as<Touched>(), event.position, [](auto& one, int n) {
        one.expected[shown("note", n, one.how == known::exactly ? ++one.touched : 0)] = 1;
      });
      happens(event.template as<Paid>(), event.position, [](auto& one, int n) {
        one.expected[shown("thank", n)] = one.expected[shown(n % 3 == 0 ? "refund" : "ship", n)] = 1;
      });
      happens(event.template as<Cancelled>(), event.position, [](auto& one, int n) {
        one.expected[shown("close", n)] = 1;
        if (one.how == known::in_any_order) one.how = known::at_most;  // What was parked comes after the end.
        one.is_ended = true;
      });
    }
    for (const auto& event : all)
      if (const auto done = event.template as<Done>()) {
        auto& one = orders[done->order];
        if (restored_under_way_ && done->n != 0 && !numbers.contains(done->n)) continue;
        ++one.found[shown(done->what, done->n, one.how == known::exactly ? done->seen : 0)];
      }
    for (auto& [order, one] : orders) {
      INFO("order " << order);
      const int reminded = std::exchange(one.found["remind 0"], 0);
      one.found.erase("remind 0");
      if (!one.is_begun && one.how == known::in_any_order) one.how = known::at_most;
      if (one.how == known::at_most) {
        CHECK(reminded <= 1);
        for (const auto& [what, times] : one.found) {
          INFO(what);
          CHECK(times == 1);
          CHECK(one.expected.contains(what));
        }
      } else {
        if (one.is_ended)
          CHECK(reminded <= 1);
        else
          CHECK(reminded == (one.is_begun ? 1 : 0));
        CHECK(listed(one.found) == listed(one.expected));
      }
    }
    check_outcomes(all, orders);
  }
  static std::string shown(const std::string& what, int n, int seen = 0) {
    return what + " " + std::to_string(n) + (seen == 0 ? "" : " seen " + std::to_string(seen));
  }
  static std::string listed(const std::map<std::string, int>& things) {
    std::string all;
    for (const auto& [what, times] : things) all += what + (times == 1 ? ", " : " x" + std::to_string(times) + ", ");
    return all;
  }
  // Each command of a decision has one outcome, and those that go on are listed.
  template <typename Events>
  void check_outcomes(const Events& all, std::map<std::string, told_order>& orders) {
    std::map<std::string, int> outcomes, issued;
    for (const auto& event : all) {
      if (const auto outcome = event.template as<must::process_outcome>())
        ++outcomes[outcome->decision + "/" + std::to_string(outcome->index)];
      if (const auto decided = event.template as<must::process_decided>(); decided)
        if (orders[decided->key].how != known::at_most)
          for (std::size_t i = 0; i < decided->commands.size(); ++i) issued[event.id + "/" + std::to_string(i)] = 1;
    }
    for (const auto& [command, once] : issued) {
      INFO("command " << command);
      CHECK(outcomes[command] == once);
    }
    for (const auto& [command, times] : outcomes) CHECK(times <= 1);
    std::set<std::string> running, shown_as_running;
    for (const auto& [order, one] : orders)
      if (one.how == known::exactly && one.is_begun && !one.is_ended) running.insert(order);
    for (const auto& one : must::detail::model::running_processes(place_.store(), name_))
      if (orders[one.key].how == known::exactly) shown_as_running.insert(one.key);
    CHECK(shown_as_running == running);
  }

  history_dice dice_;
  action then_;
  must::testing::fixed_clock clock_{};
  Place place_{clock_};
  trouble trouble_{};
  const std::string name_ = "orders/eu";
  std::string source_ = "/test";
  const must::follower who_ = must::follower::process_manager(name_);
  std::vector<std::string> orders_{};
  std::set<std::string> failed_{}, left_out_{};  // Orders that had a failure, and that had one left out by hand.
  std::set<std::string> told_once_{};
  bool restored_under_way_ = false;
  int made_ = 0;
};

}  // namespace

EACH_PLACE_TEST_CASE("process_manager: in random histories each command is stored exactly once", "[model][race]") {
  for_history_seeds(std::is_base_of_v<restorable_memory, TestType> ? 40 : 15,
                    [](std::uint64_t seed) { process_history<TestType>(seed).run(); });
}

#ifndef MUST_TESTS_WITHOUT_POSTGRES
TEST_CASE("process_manager: in random histories on postgres_store each command is stored exactly once",
          "[model][race][postgres]") {
  if (restorable_postgres::is_available())
    for_history_seeds(5, [](std::uint64_t seed) { process_history<restorable_postgres>(seed).run(); });
}
#endif

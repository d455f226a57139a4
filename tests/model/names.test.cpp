// SPDX-License-Identifier: MIT
// Tests that no name is taken for another: of subscriptions, views, process managers and their keys, inboxes, contexts.
#include "must/codec/json.hpp"
#include "must/delivery/inbox.hpp"
#include "must/model/process_manager.hpp"
#include "must/model/view.hpp"
#include "must/must.hpp"
#include "must/storage/context.hpp"
#include "must/subscriptions.hpp"
#include "must/testing/fixed_origin.hpp"

#include "cases/random_history.hpp"
#include "stores/restorable.hpp"
#include "support/catch.hpp"
#include "support/error_of.hpp"
#include "support/notes.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

using namespace must_test;

namespace {

// Greets each key at once, and once more after an hour. Who it is it is told by a global name.
struct Greeter : follows_order {
  static inline std::string name{};
  auto react(const Placed& event) const {
    return std::tuple(Note{event.order, name}, must::process_deadline{"again", std::chrono::hours(1)});
  }
  auto on_deadline(std::string_view) const { return Note{order, name}; }
};

// Names whose parts may look like what must itself writes, and like each other escaped.
std::string drawn_name(history_dice& dice) {
  static const std::vector<std::string> parts{
      "a", "b",      "/",        "@",          "%",        "%2F",      "%40",      "%25",       "1",
      "2", "@1",     "/a",       "process",    "process/", "@process", " ",        "parked",    "lane/0",
      ":", "replay", "requests", "attempts/0", "must/",    "context/", "\xC3\xA4", "deadlines", "must/view/a"};
  std::string made;
  for (auto left = 1 + dice.draw(3); left > 0; --left) made += dice.any_of(parts);
  return made;
}
std::set<std::string> drawn_names(history_dice& dice, std::size_t count) {
  std::set<std::string> made;
  while (made.size() < count) {
    const auto one = drawn_name(dice);
    made.insert(one);
    if (dice.one_in(2)) made.insert(must::stored_names::escaped(one));
    if (dice.one_in(3)) made.insert(must::stored_names::escaped(must::stored_names::escaped(one)));
  }
  return made;
}
int added = 0;
void add(auto& store, const Placed& event) {
  must::cloud_event one{.id = "n" + std::to_string(++added), .source = "/test", .type = Placed::type};
  one.subject = event.order;
  one.data = must::codec<Placed>::encode(event);
  REQUIRE(store.append(std::span(&one, 1), {}).stored());
}

// Lets followers of every kind, under such names, follow one store in any order, and fail and go on. Each must come to
// its own end.
template <typename Place>
void no_follower_is_taken_for_another(std::uint64_t seed) {
  using record = must::recorded<must::payload>;
  history_dice dice(seed);
  must::testing::fixed_clock clock;
  Place place(clock);
  auto& store = place.store();
  const auto names = drawn_names(dice, 5), keys = drawn_names(dice, 3);
  const auto placed = must::query::of_types({Placed::type});
  const auto start = [&] {
    place.stir();
    for (const auto& key : keys) add(store, {key});
    place.stir();
  };
  start();

  std::map<std::string, std::map<must::position, int>> handled;  // By follower.
  std::map<std::string, int> mails;
  std::set<std::string> failing, late;
  std::vector<std::pair<std::string, std::function<void()>>> followers;
  const must::subscription_options quick{.on_failure = {.then = must::failure_action::park_loose},
                                         .lease = must::duration(20'000)};
  const auto note = [&](const std::string& who, const record& event) {
    if (failing.contains(who) && event.position == 1) throw std::runtime_error("not now");
    ++handled[who][event.position];
  };
  for (const auto& name : names) {
    if (dice.one_in(4)) continue;
    followers.emplace_back("subscription " + name, [&, name] {
      must::subscription(
          store, name, placed, [&](const record& e) { note("subscription " + name, e); }, quick)
          .run_once();
    });
  }
  for (const auto& name : names)
    for (const unsigned version : {1U, 2U}) {
      if (dice.one_in(4)) continue;
      const auto who = "view " + name + " " + std::to_string(version);
      followers.emplace_back(who, [&, who, name, version] {
        must::view one(
            store, {name, version}, placed,
            [&, who, name](const record& event, must::view_phase phase) {
              note(who, event);
              if (phase == must::view_phase::live) ++mails[name + " " + std::to_string(event.position)];
            },
            quick);
        try {
          one.rebuild();
        } catch (const must::not_owner&) {
          handled.erase(who);  // A later version is in use.
          late.insert(who);
        }
      });
    }
  for (const auto& name : names) {
    if (dice.one_in(4)) continue;
    followers.emplace_back("manager " + name, [&, name] {
      Greeter::name = name;
      auto manager = must::process_manager<Greeter>(store, name, quick);
      while (manager.run_once() < store.head()) {}
    });
  }
  std::shuffle(followers.begin(), followers.end(), std::mt19937_64(seed));
  for (const auto& [who, follow] : followers) {
    INFO(who);
    if (who.starts_with("subscription") && dice.one_in(2)) failing.insert(who);
    follow();
  }
  failing.clear();
  clock.advance(must::duration(7'200'000'000));
  for (const auto& [who, follow] : followers) {
    INFO(who);
    follow();
  }
  must::subscriptions all(store);
  for (const auto& one : all.list()) all.replay_all(one.name);
  for (const auto& [who, follow] : followers) follow();

  const auto expected = [&] {
    std::map<must::position, int> made;
    for (const auto& event : must::events_in(store, placed)) made[event.position] = 1;
    return made;
  }();
  for (const auto& [who, positions] : handled) {
    INFO(who);
    if (!who.starts_with("view")) CHECK(positions == expected);
  }
  std::map<std::string, int> greeted;
  for (const auto& event : must::events_in(store, must::query::all()))
    if (const auto greeting = event.template as<Noted>()) ++greeted[greeting->text + "\n" + greeting->order];
  for (const auto& [who, follow] : followers)
    if (who.starts_with("manager "))
      for (const auto& key : keys) {
        INFO(who << " of " << key);
        CHECK(greeted[who.substr(8) + "\n" + key] == 2);
      }
  for (const auto& [mail, times] : mails) {
    INFO("mail " << mail);
    CHECK(times == 1);
  }
  std::set<std::string> viewed;
  for (const auto& [who, follow] : followers)
    if (who.starts_with("view ")) viewed.insert(who.substr(5, who.size() - 7));
  for (const auto& view : viewed)
    for (const auto& [position, once] : expected) {
      INFO("view " << view << ", event " << position);
      CHECK(mails[view + " " + std::to_string(position)] == once);
    }
  // Each is listed once, and those that are removed take nothing of the others with them.
  auto listed = all.list();
  CHECK(listed.size() >= followers.size() - late.size());
  for (const auto& one : listed)
    if (one.name.what() == must::follower::kind::subscription && dice.one_in(2)) {
      all.remove(one.name);
      CHECK_FALSE(all.find(one.name));
      for (const auto& other : listed)
        if (!(other.name == one.name) && other.name.what() != must::follower::kind::subscription) {
          REQUIRE(all.find(other.name));
          CHECK(all.find(other.name)->checkpoint == other.checkpoint);
        }
    }
}

}  // namespace

TEMPLATE_TEST_CASE("names: followers of every kind, under any names, each come to their own end", "[model]",
                   restorable_memory, restorable_context<restorable_memory>, restorable_sqlite) {
  for_history_seeds(std::is_same_v<TestType, restorable_sqlite> ? 8 : 25,
                    [](std::uint64_t seed) { no_follower_is_taken_for_another<TestType>(seed); });
}

TEST_CASE("names: a view whose name is the escaped name of another has a state of its own", "[model]") {
  must::memory_store<> store;
  add(store, {"a"});
  std::map<std::string, int> mails;
  for (const std::string name : {"a/b", "a%2Fb", "a%252Fb"})
    must::view(store, {name, 1}, must::query::all(), [&](const auto&, must::view_phase phase) {
      if (phase == must::view_phase::live) ++mails[name];
    }).rebuild();
  CHECK(mails == std::map<std::string, int>{{"a/b", 1}, {"a%2Fb", 1}, {"a%252Fb", 1}});
}

TEST_CASE("names: an inbox of any name has notes of its own", "[model][sqlite]") {
  for_history_seeds(5, [](std::uint64_t seed) {
    history_dice dice(seed);
    sqlite_fixture fixture;
    for (const auto& name : drawn_names(dice, 12)) {
      INFO(name);
      must::inbox own(fixture.store(), name);
      for (const auto& [source, id] :
           {std::pair("/a", "b 1"), std::pair("/a b", "1"), std::pair("/a/b", "1"), std::pair("/a", "b/1")}) {
        CHECK(own.receive(source, id, [](auto&) {}));
        CHECK_FALSE(own.receive(source, id, [](auto&) {}));
      }
    }
  });
}

TEST_CASE("names: the longest names are taken wherever a name is, and the next longer ones are refused", "[model]") {
  must::memory_store<> store;
  add(store, {"a"});
  const auto ignore = [](const auto&) {};
  const auto refused = [](auto&& make) { return error_of<must::bad_input>(make).field; };
  for (const char letter : {'a', '/', '@', '%'}) {
    INFO(letter);
    // An escaped letter takes three bytes of the 512 that a cell's key may have, beside what must adds.
    const auto most = [&](std::size_t plain, std::size_t beside) {
      return std::string(letter == 'a' ? plain : std::min(plain, (512 - beside) / 3), letter);
    };
    const auto longest = most(400, std::string("must/subscription/").size() + 20);
    must::subscription(store, longest, must::query::all(), ignore).run_once();
    CHECK(must::subscriptions(store).find(longest).has_value());
    CHECK(refused([&] { must::subscription(store, longest + letter, must::query::all(), ignore); }) == "name");
  }
  CHECK(refused([&] { must::view(store, {std::string(301, 'a'), 1}, must::query::all(), ignore); }) == "name");
  must::view(store, {std::string(300, 'a'), 1}, must::query::all(), ignore).rebuild();
  CHECK(refused([&] { auto one = must::process_manager<Greeter>(store, std::string(201, 'a')); }) == "name");
  Greeter::name = "longest";
  auto manager = must::process_manager<Greeter>(store, std::string(200, 'a'));
  manager.run_once();
  CHECK(manager.running().size() == 1);
  CHECK(refused([&] { must::context<must::memory_store<>>(store, std::string(201, 'a')); }) == "name");
  must::context<must::memory_store<>> own(store, std::string(200, 'a'));
  add(own, {std::string(512 - 201, 'k')});
  must::cloud_event longer{
      .id = "longer", .source = "/test", .type = Placed::type, .subject = std::string(512 - 200, 'k')};
  CHECK(refused([&] { static_cast<void>(own.append(std::span(&longer, 1), {})); }) == "stream");
  // What has names of its own in a context still fits, or is refused by its name, with nothing stored.
  const auto head = store.head();
  for (const std::size_t length : {100U, 200U, 274U, 275U, 276U, 277U, 300U}) {
    INFO(length << " bytes");
    try {
      must::subscription(own, std::string(length, 's'), must::query::all(), ignore).run_once();
      CHECK(must::subscriptions(own).find(std::string(length, 's')).has_value());
    } catch (const must::bad_input& why) {
      CHECK(length > 200);
    }
  }
  CHECK(store.head() == head);
}

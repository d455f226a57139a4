// SPDX-License-Identifier: MIT
// Tests a process manager whose store is put back to an earlier copy between a decision and what follows from it.
#include "must/codec/json.hpp"
#include "must/model/process_manager.hpp"
#include "must/must.hpp"
#include "must/subscriptions.hpp"
#include "must/testing/fixed_origin.hpp"

#include "stores/restorable.hpp"
#include "support/catch.hpp"

#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

using namespace must_test;

namespace {

struct Asked {
  static constexpr auto type = "asked";
  std::string key;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Asked, key)
struct Answered {
  static constexpr auto type = "answered";
  std::string key;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Answered, key)
// While it is validated, and when its event has been stored, it does what it is told to.
struct Answer {
  static constexpr auto type = "answer";
  static inline std::function<void()> meanwhile{};
  std::string key{};
  static constexpr auto be_authorized = must::anyone;
  static void be_valid() {
    if (meanwhile) std::exchange(meanwhile, nullptr)();
  }
  Answered be_translated_to_events() const { return {key}; }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Answer, key)

struct Answerer {
  using events = must::events<Asked>;
  using starts = must::events<Asked>;
  using commands = must::commands<Answer>;
  std::string key{};
  static std::string key_of(const Asked& event) { return event.key; }
  void apply(const Asked& event) { key = event.key; }
  Answer react(const Asked&) const { return {key}; }
};

// Returns the types of all events, in their order.
template <typename S>
std::vector<std::string> types_in(S& store) {
  std::vector<std::string> types;
  static_cast<void>(store.read(must::query::all(), {}, [&](const auto& event) { types.push_back(event.type); }));
  return types;
}

}  // namespace

TEMPLATE_TEST_CASE("process_manager: no command is stored in a store that has lost its decision", "[model]",
                   restorable_memory, restorable_sqlite, restorable_context<restorable_sqlite>) {
  must::testing::fixed_clock clock;
  TestType place(clock);
  must::cloud_event asked{.id = "1", .source = "/shop", .type = "asked"};
  asked.data = must::codec<Asked>::encode({"a"});
  REQUIRE(place.store().append(std::span(&asked, 1), {}).stored());
  place.save();
  const auto run = [&] {
    try {
      auto follows = must::process_manager<Answerer>(place.store(), "answerer");
      while (follows.run_once() < place.store().head()) {}
    } catch (const must::history_changed&) {
      must::subscriptions(place.store()).reset(must::follower::process_manager("answerer"));
    }
  };
  Answer::meanwhile = [&] { place.restore(0); };
  run();
  place.reopen("/renamed");
  for (int round = 0; round < 2; ++round) run();
  CHECK(types_in(place.store()) ==
        std::vector<std::string>{"asked", must::process_decided::type, "answered", must::process_outcome::type});
}

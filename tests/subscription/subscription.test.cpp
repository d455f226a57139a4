// SPDX-License-Identifier: MIT
#include "must/must.hpp"
#include "must/storage/memory.hpp"
#include "must/testing/crashing_store.hpp"

#include "support/subscription_cases.hpp"

namespace {

struct memory_fixture {
  must::memory_store<>& store() { return store_; }
  must::memory_store<> store_{};
};
using cases = must_test::subscription_cases<memory_fixture>;

}  // namespace

TEST_CASE("subscription: on memory_store", "[subscription][race]") { cases::all(); }

TEST_CASE("subscription: options out of range are refused, each by its name", "[subscription]") {
  must::memory_store<> store;
  const auto field_of = [&](const std::string& name, must::subscription_options how) {
    return cases::error_of([&] {
             must::subscription made(store, name, must::query::all(), [](const cases::record&) {}, std::move(how));
           })
        .field.str();
  };
  CHECK(field_of("", {}) == "name");
  CHECK(field_of(std::string(401, 'n'), {}) == "name");
  CHECK(field_of("n", {.lanes = 0}) == "lanes");
  CHECK(field_of("n", {.lanes = 1'025}) == "lanes");
  CHECK(field_of("n", {.window = 0}) == "window");
  CHECK(field_of("n", {.save_every = 0}) == "save_every");
  CHECK(field_of("n", {.save_interval = must::duration(0)}) == "save_interval");
  CHECK(field_of("n", {.poll_interval = must::duration(-1)}) == "poll_interval");
  CHECK(field_of("n", {.on_failure = {.attempts = 0}}) == "attempts");
  CHECK(field_of("n", {.on_failure = {.crashes = 0}}) == "crashes");
  CHECK(field_of("n", {.on_failure = {.then = must::failure_action::retry}}) == "then");
  CHECK(field_of("n", {.owner = std::string(401, 'o')}) == "owner");
  CHECK(field_of("n", {.lease = must::duration(0)}) == "lease");
}

TEST_CASE("subscription: the partition key of an event comes before its stream", "[subscription]") {
  must::cloud_event event{.subject = "stream"};
  CHECK(must::detail::partition_key(event) == "stream");
  event.extensions["partitionkey"] = std::string("key");
  CHECK(must::detail::partition_key(event) == "key");
}

TEST_CASE("subscription: a crash at any write of parking and of replaying loses no event and no order",
          "[subscription]") {
  using positions = cases::positions;
  for (const bool strict : {true, false})
    for (const bool while_parking : {true, false}) {
      bool crashed = true;
      for (int at = 1; crashed; ++at) {
        crashed = false;
        for (const bool stored : {true, false}) {
          memory_fixture fixture;
          auto& store = fixture.store();
          for (const auto* stream : {"a", "b", "a", "b", "a"}) cases::add(store, 1, "wanted", stream);
          must::testing::crashing_store failing(store);
          bool fails = true;
          std::map<std::string, positions> seen;
          const auto run = [&](auto& on) {
            auto how = cases::quick();
            how.lease = must::duration(2'000);
            how.on_failure.then = strict ? must::failure_action::park : must::failure_action::park_loose;
            must::subscription follows(
                on, "one", cases::wanted(),
                [&](const cases::record& event) {
                  if (fails && event.position <= 2) throw std::runtime_error("bad");
                  seen[event.subject].push_back(event.position);
                },
                how);
            follows.run_once();
            return follows.health().parked;
          };
          const auto run_until_crash = [&] {
            failing.crash_at(at, stored);
            try {
              run(failing);
            } catch (const must::testing::crashed&) {
              crashed = true;
            }
          };
          const auto replay = [&] {
            must::subscription(store, "one", cases::wanted(), [](const auto&) {}).replay_parked();
          };

          INFO((strict ? "strict" : "loose") << (while_parking ? ", parking" : ", replaying") << ", write " << at
                                             << (stored ? ", stored" : ", not stored"));
          if (while_parking) run_until_crash();
          CHECK(run(store) == 2);
          fails = false;
          replay();
          if (!while_parking) run_until_crash();
          replay();
          CHECK(run(store) == 0);

          std::map<std::string, positions> handled;  // each event where it came last
          for (const auto& [stream, all] : seen)
            for (const auto position : all) {
              CHECK(std::count(all.begin(), all.end(), position) <= 2);
              std::erase(handled[stream], position);
              handled[stream].push_back(position);
            }
          if (!strict)
            for (auto& [stream, all] : handled) std::sort(all.begin(), all.end());
          CHECK(handled == std::map<std::string, positions>{{"a", {1, 3, 5}}, {"b", {2, 4}}});
        }
        REQUIRE(at < 100);
      }
    }
}

// SPDX-License-Identifier: MIT
#include "must/must.hpp"
#include "must/storage/memory.hpp"

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

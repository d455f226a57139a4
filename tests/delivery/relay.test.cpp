// SPDX-License-Identifier: MIT
#include "must/delivery/relay.hpp"

#include "must/delivery/deduplicator.hpp"
#include "must/must.hpp"
#include "must/storage/memory.hpp"
#include "must/testing/delivery_suite.hpp"

#include "support/catch.hpp"
#include "support/inbox.hpp"

#include <string>
#include <vector>

namespace {

using must_test::inbox;

struct inbox_fixture {
  must::memory_store<>& store() { return store_; }
  inbox& delivery() { return inbox_; }
  std::vector<std::string> received() { return inbox_.ids(); }
  must::memory_store<> store_{};
  inbox inbox_{};
};

}  // namespace

TEST_CASE("relay: the delivery suite holds", "[delivery][race]") {
  for (const auto& one : must::testing::delivery_cases<inbox_fixture>()) {
    DYNAMIC_SECTION(one.id << " " << one.says) { CHECK_NOTHROW(one.run()); }
  }
}

TEST_CASE("relay: with a batch several events are handed over at once, in order", "[delivery]") {
  inbox_fixture fixture;
  must::testing::suite::delivery_cases<inbox_fixture>::store_events(fixture.store(), 200);
  auto relay = must::relay(fixture.store(), "relay", must::query::all(), fixture.delivery(), {}, 50);
  CHECK(relay.run_once() == 200);
  CHECK(fixture.inbox_.batches.size() < 200);
  must::testing::suite::delivery_cases<inbox_fixture>::check_received(fixture, 0);
}

TEST_CASE("relay: a batch out of range is refused", "[delivery]") {
  inbox_fixture fixture;
  for (const std::size_t batch : {std::size_t{0}, std::size_t{100'001}})
    CHECK_THROWS_AS(must::relay(fixture.store(), "relay", must::query::all(), fixture.delivery(), {}, batch),
                    must::bad_input);
}

TEST_CASE("deduplicator: a repeat is recognised by source and id, as long as it is remembered", "[delivery]") {
  must::deduplicator known(2);
  CHECK(known.accept("a", "1"));
  CHECK_FALSE(known.accept("a", "1"));
  CHECK(known.accept("b", "1"));
  CHECK_FALSE(known.accept("a", "1"));  // is the newest again
  CHECK(known.accept("c", "1"));        // forgets that of b
  CHECK_FALSE(known.accept("a", "1"));
  CHECK(known.accept("b", "1"));
  known.forget("b", "1");
  CHECK(known.accept("b", "1"));
  CHECK_THROWS_AS(must::deduplicator(0), must::bad_input);
}

// SPDX-License-Identifier: MIT
// What the cases of the storage suite share: expectations, and events to store.
#pragma once

#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/testing/assertion_failed.hpp"
#include "must/testing/print.hpp"
#include "must/timestamp.hpp"
#include "must/uuid.hpp"

#include <cstdint>
#include <cstdlib>
#include <exception>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace must::testing::suite {

inline void expect(bool holds, const std::string& what) {
  if (!holds) throw assertion_failed("expected: " + what);
}

template <typename Found, typename Expected>
void expect_equal(const Found& found, const Expected& expected, const std::string& what) {
  if (found == expected) return;
  throw assertion_failed(what + ": expected " + print(expected) + ", found " + print(found));
}

// Expects that `call` throws Exception, and that `field` of its error is the one that is named, if one is.
template <typename Exception, typename Call>
void expect_throws(Call&& call, const std::string& what, std::string_view field = {}) {
  try {
    call();
  } catch ([[maybe_unused]] const Exception& thrown) {
    if constexpr (std::is_base_of_v<must::exception, Exception>)
      if (!field.empty())
        expect_equal(std::string(thrown.error().field.str()), std::string(field), what + ": the field");
    return;
  } catch (const std::exception& other) {
    throw assertion_failed(what + ": another exception was thrown: " + other.what());
  }
  throw assertion_failed(what + ": nothing was thrown");
}

// Returns the seed of a race or a random history: MUST_TEST_SEED, or else the time. Failures name it.
inline std::uint64_t seed() {
  static const std::uint64_t drawn = [] {
    const char* given = std::getenv("MUST_TEST_SEED");
    return given != nullptr ? std::strtoull(given, nullptr, 10) : std::uint64_t{std::random_device{}()};
  }();
  return drawn;
}

// Returns a name that ends in a number.
template <typename Number>
std::string numbered(std::string name, Number number) {
  name += std::to_string(number);
  return name;
}

// Returns the seed that runs a race again, for the message of a failure.
inline std::string with_seed(const std::string& what) {
  return what + " (MUST_TEST_SEED=" + std::to_string(seed()) + ")";
}

template <typename Fixture>
using store_of = std::remove_reference_t<decltype(std::declval<Fixture&>().store())>;
template <typename Fixture>
using data_of = typename store_of<Fixture>::data_type;
template <typename Fixture>
using event_of = basic_event<data_of<Fixture>>;

// Returns the n-th data of the kind of a fixture.
template <typename Fixture>
data_of<Fixture> data(std::uint64_t n) {
  if constexpr (requires { Fixture::data(n); })
    return Fixture::data(n);
  else
    return payload("text/plain", std::to_string(n));
}

// Returns an event of the suite. Ids are unique within the process.
template <typename Fixture>
event_of<Fixture> event(std::string type, std::string stream = {}, tag_set tags = {}, std::uint64_t n = 0) {
  event_of<Fixture> made;
  made.id = uuid7_ids::instance().next(system_clock::instance().now());
  made.source = "/suite";
  made.type = std::move(type);
  made.subject = std::move(stream);
  made.tags = std::move(tags);
  made.data = data<Fixture>(n);
  return made;
}

template <typename Fixture>
append_result append(store_of<Fixture>& store, std::vector<event_of<Fixture>> events,
                     const append_condition& condition = {}) {
  return store.append(std::span<event_of<Fixture>>(events), condition);
}
template <typename Fixture>
append_result append(store_of<Fixture>& store, event_of<Fixture> one, const append_condition& condition = {}) {
  return store.append(std::span<event_of<Fixture>>(&one, 1), condition);
}

template <typename Fixture>
std::vector<recorded<data_of<Fixture>>> read_all(store_of<Fixture>& store, const query& which = query::all(),
                                                 const read_options& options = {}) {
  std::vector<recorded<data_of<Fixture>>> found;
  static_cast<void>(
      store.read(which, options, [&](const recorded<data_of<Fixture>>& record) { found.push_back(record); }));
  return found;
}
template <typename Fixture>
std::vector<position> positions(store_of<Fixture>& store, const query& which, const read_options& options = {}) {
  std::vector<position> found;
  static_cast<void>(
      store.read(which, options, [&](const recorded<data_of<Fixture>>& record) { found.push_back(record.position); }));
  return found;
}

}  // namespace must::testing::suite

// SPDX-License-Identifier: MIT
// The storage suite can fail: a store that breaks one promise at a time, and the case that tells.
#include "must/must.hpp"
#include "must/storage/kit/decorator.hpp"
#include "must/storage/memory.hpp"
#include "must/testing/storage_suite.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using memory = must::memory_store<>;
using event = must::cloud_event;
using record = must::recorded<must::payload>;
using events = std::span<event>;
using condition = must::append_condition;

// What is broken: each hook, where there is one, stands in for the store's own way.
struct mutation {
  std::function<must::append_result(memory&, events, condition)> append{};
  std::function<void(must::query&, must::read_options&)> before_read{};
  std::function<void(memory&, must::read_result&, must::position last)> after_read{};
  std::function<must::version(memory&, std::string_view)> version{};
  std::function<std::optional<record>(memory&, std::string_view, std::string_view)> find{};
  bool puts_whatever_is_expected = false;
  bool lists_everything = false;
  bool fails_a_batch_as_a_whole = false;
  bool never_wakes = false;
};
mutation broken;

class mutant : public must::kit::decorator<memory> {
 public:
  explicit mutant(memory& storage) : decorator(storage) {}

  must::append_result append(events all, const condition& when) {
    return broken.append ? broken.append(storage(), all, when) : storage().append(all, when);
  }
  template <typename Visitor>
  must::read_result read(must::query which, must::read_options options, Visitor&& visitor) {
    if (broken.before_read) broken.before_read(which, options);
    auto last = options.after;
    auto done = storage().read(which, options, [&](const record& one) {
      last = one.position;
      if constexpr (std::is_void_v<decltype(visitor(one))>)
        return visitor(one), true;
      else
        return static_cast<bool>(visitor(one));
    });
    if (broken.after_read) broken.after_read(storage(), done, last);
    return done;
  }
  must::version version(std::string_view stream) {
    return broken.version ? broken.version(storage(), stream) : storage().version(stream);
  }
  std::optional<record> find(std::string_view source, std::string_view id) {
    return broken.find ? broken.find(storage(), source, id) : storage().find(source, id);
  }
  bool put(std::string_view key, std::string_view bytes, std::uint64_t expected) {
    const auto known = get(key);
    return decorator::put(key, bytes, !broken.puts_whatever_is_expected ? expected : known ? known->revision : 0);
  }
  std::vector<std::string> list(std::string_view prefix) {
    return decorator::list(broken.lists_everything ? "" : prefix);
  }
  std::vector<must::result<must::append_result>> append_batch(std::span<must::batch_item<data_type>> items) {
    if (!broken.fails_a_batch_as_a_whole) return storage().append_batch(items);
    std::vector<must::result<must::append_result>> done;
    for (const auto& item : items) done.emplace_back(append(item.events, item.condition));
    return done;
  }
  bool wait_for(must::position until, must::duration timeout, std::stop_token stop = {}) {
    return broken.never_wakes ? head() >= until : storage().wait_for(until, timeout, std::move(stop));
  }
};
struct fixture {
  static constexpr must::testing::capabilities capabilities{.cells = true, .batches = true, .waiting = true};
  mutant& store() { return store_; }
  memory kept_{};
  mutant store_{kept_};
};

// Whether the suite's case `id` tells that something is broken.
bool tells(const std::string& id, mutation how) {
  broken = std::move(how);
  for (const auto& one : must::testing::storage_cases<fixture>()) {
    if (one.id != id) continue;
    try {
      one.run();
      return false;
    } catch (const std::exception&) {
      return true;
    }
  }
  throw std::logic_error("the suite has no case " + id);
}
// Breaks appends by what they are asked for.
mutation asked(void (*change)(memory&, events, condition&)) {
  return {.append = [change](memory& store, events all, condition when) {
    change(store, all, when);
    return store.append(all, when);
  }};
}
mutation read_as(void (*change)(must::query&, must::read_options&)) { return {.before_read = change}; }
mutation read_says(void (*change)(memory&, must::read_result&, must::position)) { return {.after_read = change}; }

}  // namespace

TEST_CASE("storage suite: a faithful store passes", "[storage]") {
  broken = {};
  for (const auto& one : must::testing::storage_cases<fixture>()) {
    if (one.is_race) continue;
    INFO(one.id);
    CHECK_NOTHROW(one.run());
  }
}

TEST_CASE("storage suite: each case is reported, with the reason where it does not hold", "[storage][race]") {
  broken = {.lists_everything = true};
  std::vector<std::string> reported, failed;
  const auto done =
      must::testing::run_storage_suite<fixture>([&](const must::testing::storage_case& one, const std::string& why) {
        reported.push_back(one.id);
        if (!why.empty()) failed.push_back(one.id + " " + one.says + ": " + why);
      });
  std::vector<std::string> all;
  for (const auto& one : must::testing::storage_cases<fixture>()) all.push_back(one.id);
  CHECK(reported == all);
  CHECK_FALSE(failed.empty());
  CHECK(done.failures == failed);
  CHECK(done.passed + static_cast<int>(failed.size()) == static_cast<int>(all.size()));
  broken = {};
}

TEST_CASE("storage suite: a condition that is not looked at is told", "[storage]") {
  CHECK(tells("D3", asked([](memory&, events, condition& when) { when.query = {}; })));
  CHECK(tells("D3", asked([](memory&, events, condition& when) { when.after = 0; })));
  CHECK(tells("A4", asked([](memory&, events, condition& when) { when.streams.clear(); })));
  CHECK(tells("I6",
              asked([](memory& store, events, condition& when) { when.after = std::min(when.after, store.head()); })));
  CHECK(tells("D3", asked([](memory&, events, condition& when) {
                auto items = when.query.items();
                for (auto& item : items)
                  if (item.tags.size() > 1) item.tags.resize(1);
                if (!when.query.is_all()) when.query = must::query(items);
              })));
  CHECK(tells("I6", {.append = [](memory& store, events all, condition when) -> must::append_result {
                for (const auto& one : when.streams)
                  if (const auto actual = store.version(one.stream); !one.holds_at(actual))
                    return must::conflict{.failed = must::conflict::part::stream,
                                          .stream = one.stream,
                                          .expected = one.at,
                                          .actual = actual.value};
                return store.append(all, when);
              }}));
}

TEST_CASE("storage suite: an append that stores something else is told", "[storage]") {
  CHECK(tells("A3", {.append = [](memory& store, events all, condition when) {
                try {
                  return store.append(all, when);
                } catch (const must::bad_input&) {
                  if (all.size() > 1) store.append(all.first(1), when).value();
                  throw;
                }
              }}));
  CHECK(tells("I1", {.append = [](memory& store, events all, condition when) {
                const auto before = store.head();
                auto done = store.append(all, when);
                if (!done || done->first > before) return done;
                for (auto& one : all) one.id += "-again";
                return store.append(all, when);
              }}));
  CHECK(tells("I2", {.append = [](memory& store, events all, condition when) -> must::append_result {
                try {
                  return store.append(all, when);
                } catch (const must::duplicate_id&) {
                  const auto known = store.find(all[0].source, all[0].id);
                  if (!known) throw;
                  return must::appended{known->position, known->position + all.size() - 1};
                }
              }}));
  CHECK(tells("A8", asked([](memory&, events all, condition&) {
                for (auto& one : all) one.extensions.clear();
              })));
  CHECK(tells("A8", asked([](memory&, events all, condition&) {
                for (auto& one : all)
                  if (one.data.state() == must::payload::kind::null)
                    one.data = must::payload::absent(one.data.content_type());
              })));
}

TEST_CASE("storage suite: a history that is taken for the one that was seen is told", "[storage]") {
  CHECK(tells("D13", asked([](memory&, events, condition& when) { when.seen.clear(); })));
  CHECK(tells("D13", asked([](memory&, events, condition& when) {
                if (when.seen.size() > 1) when.seen.pop_back();
              })));
  CHECK(tells("D13", asked([](memory& store, events, condition& when) {
                for (auto& seen : when.seen)
                  if (const auto found = store.find(seen.source, seen.id)) seen.position = found->position;
              })));
  CHECK(tells("D13", asked([](memory&, events, condition& when) {
                for (auto& seen : when.seen) seen.source = "/suite";
              })));
  CHECK(tells("D13", read_says([](memory&, must::read_result& done, must::position) { done.last_event.reset(); })));
  CHECK(tells("D13", read_as([](must::query&, must::read_options& options) { options.with_last_event = true; })));
}

TEST_CASE("storage suite: a read that gives something else is told", "[storage]") {
  CHECK(tells("D2", read_as([](must::query&, must::read_options& options) { options.limit.reset(); })));
  CHECK(tells("D2",
              read_as([](must::query&, must::read_options& options) { options.until = must::read_options{}.until; })));
  CHECK(tells("D2",
              read_as([](must::query&, must::read_options& options) { options.after -= options.after > 0 ? 1 : 0; })));
  CHECK(tells("D1",
              read_as([](must::query&, must::read_options& options) { options.order = must::direction::forwards; })));
  CHECK(tells("R1", read_as([](must::query&, must::read_options& options) { options.after_version = 0; })));
  CHECK(tells("D1", read_as([](must::query& which, must::read_options&) {
                std::vector<must::query_item> items;
                for (const auto& item : which.items())
                  for (std::size_t i = 0; i < std::max<std::size_t>(1, item.tags.size()); ++i) {
                    items.push_back(item);
                    if (!item.tags.empty()) items.back().tags = {item.tags[i]};
                  }
                if (!which.is_all()) which = must::query(items);
              })));
  CHECK(tells("D2", read_says([](memory&, must::read_result& done, must::position) { done.complete = true; })));
  CHECK(tells("D2", read_says([](memory&, must::read_result& done, must::position last) { done.scanned = last; })));
  CHECK(
      tells("R2", read_says([](memory& store, must::read_result& done, must::position) { done.head = store.head(); })));
  CHECK(tells("A6", {.version = [](memory& store, std::string_view stream) {
                const auto actual = store.version(stream);
                return must::version(actual.value - (actual == 0 ? 0 : 1));
              }}));
  CHECK(tells("A9", {.find = [](memory& store, std::string_view, std::string_view id) {
                std::optional<record> found;
                static_cast<void>(store.read(must::query::all(), {}, [&](const record& one) {
                  if (one.id == id) found = one;
                }));
                return found;
              }}));
}

TEST_CASE("storage suite: cells, batches and waiting that break a promise are told", "[storage][race]") {
  CHECK(tells("S8", {.puts_whatever_is_expected = true}));
  CHECK(tells("S8", {.lists_everything = true}));
  CHECK(tells("B1", {.fails_a_batch_as_a_whole = true}));
  CHECK(tells("W1", {.never_wakes = true}));
}

TEST_CASE("storage suite: a check that is not one with the append loses the race", "[storage][race]") {
  CHECK(tells("D6", {.append = [](memory& store, events all, condition when) -> must::append_result {
                must::position found = 0;
                if (!when.query.is_none())
                  static_cast<void>(
                      store.read(when.query, {.after = when.after}, [&](const record& one) { found = one.position; }));
                if (found != 0) return must::conflict{.actual = found, .after = when.after};
                std::this_thread::yield();
                return store.append(all, {.streams = when.streams});
              }}));
  CHECK(tells("A5", asked([](memory&, events, condition& when) { when.streams.clear(); })));
}

TEST_CASE("storage suite: what is hidden from followers, stored twice, or stored in spite of a conflict is told",
          "[storage][race]") {
  for (const char* id : {"V1", "V2", "V5"})
    CHECK(tells(id, read_as([](must::query&, must::read_options& options) {
                  static std::atomic<unsigned> reads{0};
                  if (++reads % 3 == 0) options.until = options.after + 1;
                })));
  CHECK(tells("R5",
              read_says([](memory& store, must::read_result& done, must::position) { done.scanned = store.head(); })));
  CHECK(tells("I4", asked([](memory&, events all, condition&) {
                static std::atomic<unsigned> appends{0};
                for (auto& one : all) one.id += std::to_string(++appends);
              })));
  CHECK(tells("V3", {.append = [](memory& store, events all, condition when) {
                auto done = store.append(all, when);
                if (!done) store.append(all, {}).value();
                return done;
              }}));
}

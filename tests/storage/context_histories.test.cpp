// SPDX-License-Identifier: MIT
// Tests random histories of contexts within contexts on each store, with names, tags and keys that look like those of
// others, up to the limits: each context shows its own events and those of the contexts in it, and nothing else.
#include "must/must.hpp"
#include "must/storage/context.hpp"
#include "must/subscription.hpp"

#include "cases/random_history.hpp"
#include "stores/all.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

using namespace must_test;

namespace {

using path = std::vector<std::string>;

// Calls `use(store)` with the context of a path, each within the one before.
template <std::size_t Depth = 0, typename S, typename Use>
void with_context(S& store, const path& of, Use&& use) {
  if constexpr (Depth < 3) {
    if (of.size() > Depth) {
      must::context<S> inner(store, of[Depth]);
      with_context<Depth + 1>(inner, of, use);
      return;
    }
  }
  use(store);
}

// An event as it was given to the context of a path.
struct given_event {
  path where{};
  std::string id{}, type{}, stream{};
  must::tag_set tags{};
};

// Tells what a context shows, from what was given to all of them.
class context_model {
 public:
  void add(given_event one) { events_.push_back(std::move(one)); }

  // Returns the event as the context of a path shows it. It may only be shown to that one or to one around it.
  static must::cloud_event shown(const given_event& one, const path& to) {
    must::cloud_event made{.id = one.id, .type = one.type, .subject = one.stream};
    std::vector<std::string> tags(one.tags.begin(), one.tags.end());
    for (auto level = one.where.size(); level > to.size(); --level) {
      const auto name = (level > 1 ? "//" : "") + one.where[level - 1];
      if (!made.subject.empty()) made.subject.insert(0, name + "/");
      for (auto& tag : tags)
        if (tag.starts_with("context:")) tag.insert(8, name + "/");
      tags.push_back("context:" + name);
    }
    made.tags = must::tag_set(std::move(tags));
    return made;
  }
  [[nodiscard]] std::vector<must::cloud_event> events(const path& to, const must::query_item& which) const {
    std::vector<must::cloud_event> found;
    for (const auto& one : events_) {
      if (one.where.size() < to.size() || !std::equal(to.begin(), to.end(), one.where.begin())) continue;
      auto event = shown(one, to);
      const bool matches =
          (which.types.empty() || std::find(which.types.begin(), which.types.end(), event.type) != which.types.end()) &&
          std::all_of(which.tags.begin(), which.tags.end(),
                      [&](const auto& tag) { return event.tags.contains(tag); }) &&
          (!which.stream || event.subject == *which.stream);
      if (matches) found.push_back(std::move(event));
    }
    return found;
  }

 private:
  std::vector<given_event> events_{};
};

template <typename Store>
class context_history {
 public:
  explicit context_history(std::uint64_t seed) : dice_(seed) {
    const std::vector<std::string> names{"a", "b", "a%2F", "a@1", "context:a", "a b", ":", "\xC3\xA4", "context", "%"};
    paths_.emplace_back();
    while (paths_.size() < 6) {
      auto one = dice_.any_of(paths_);
      if (one.size() == 3) continue;
      one.push_back(dice_.any_of(names));
      if (std::find(paths_.begin(), paths_.end(), one) == paths_.end()) paths_.push_back(std::move(one));
    }
  }
  void run() {
    for (int step = 0; step < 60; ++step) dice_.one_in(3) ? put() : append();
    for (const auto& where : paths_) {
      std::string all;
      for (const auto& name : where) all += "[" + name + "]";
      INFO("context " << all);
      with_context(fixture_.store(), where, [&](auto& store) { check(store, where); });
    }
  }

 private:
  // A name that is not that of a context in the store itself, and no key of a cell of one in a context: who has these
  // may write into those within.
  std::string drawn(const path& where, const std::string& before) {
    for (;;) {
      const std::vector<std::string> parts{"a",         "b",         "x",           "s",        "a/s",     "b/x/s",
                                           "context:a", "context:b", "context:a/b", "%",        "%2F",     "@",
                                           " ",         "/",         "//",          "context:", "context", "process/x"};
      auto made = dice_.any_of(parts);
      if (dice_.one_in(3)) made += dice_.any_of(parts);
      const auto is_inner = [&](const path& other) {
        if (!where.empty() && before != "context/") return false;
        return other.size() > where.size() && std::equal(where.begin(), where.end(), other.begin()) &&
               made.starts_with(before + other[where.size()]);
      };
      if (made.starts_with("//") || made.starts_with("context://")) continue;
      if (std::none_of(paths_.begin(), paths_.end(), is_inner)) return made;
    }
  }
  void append() {
    const auto& where = dice_.any_of(paths_);
    given_event one{where, "e" + std::to_string(++made_), dice_.one_in(3) ? "left" : "right", {}, {}};
    if (!dice_.one_in(4)) one.stream = drawn(where, "");
    std::vector<std::string> tags;
    for (auto left = dice_.draw(4); left > 0; --left) tags.push_back(drawn(where, "context:"));
    with_context(fixture_.store(), where, [&](auto& store) {
      const must::limits limits = store.limits();
      if (dice_.one_in(8)) one.stream = std::string(limits.name_bytes, 's');
      if (dice_.one_in(8)) tags.push_back("context:" + std::string(limits.name_bytes - 8, 't'));
      if (dice_.one_in(60)) {
        tags.clear();
        for (std::size_t i = 0; i < limits.tags_per_event; ++i) tags.push_back("context:t" + std::to_string(i));
      }
      one.tags = must::tag_set(tags);
      must::cloud_event event{
          .id = one.id, .source = "/test", .type = one.type, .subject = one.stream, .tags = one.tags};
      const auto refuse = [&](auto&& change) {
        auto wrong = event;
        wrong.id += "wrong";
        change(wrong);
        CHECK_THROWS_AS(store.append(std::span(&wrong, 1), {}), must::bad_input);
      };
      if (dice_.one_in(4)) refuse([&](auto& wrong) { wrong.subject = std::string(limits.name_bytes + 1, 's'); });
      if (dice_.one_in(4)) refuse([&](auto& wrong) { wrong.tags = {std::string(limits.name_bytes + 1, 't')}; });
      if (!where.empty()) {
        const auto inner = "//" + dice_.any_of(paths_.back());
        refuse([&](auto& wrong) { wrong.subject = inner + "/s"; });
        refuse([&](auto& wrong) { wrong.tags = {"context:" + inner}; });
      }
      if (dice_.one_in(30))
        refuse([&](auto& wrong) {
          std::vector<std::string> many;
          for (std::size_t i = 0; i <= limits.tags_per_event; ++i) many.push_back("t" + std::to_string(i));
          wrong.tags = must::tag_set(many);
        });
      // The condition is of this context alone, whatever others hold.
      must::append_condition condition;
      if (!one.stream.empty())
        condition.streams.push_back(must::stream_expectation::exactly(one.stream, store.version(one.stream)));
      if (!one.tags.empty()) {
        condition.query = must::query({must::query_item{.types = {one.type}, .tags = {*one.tags.begin()}}});
        condition.after = store.head();
      }
      REQUIRE(store.append(std::span(&event, 1), condition).stored());
    });
    model_.add(std::move(one));
  }
  void put() {
    const auto& where = dice_.any_of(paths_);
    const auto key = drawn(where, "context/");
    if (key.starts_with("context")) return;
    with_context(fixture_.store(), where, [&](auto& store) {
      const auto before = store.get(key);
      const auto bytes = std::to_string(++made_);
      REQUIRE(store.put(key, bytes, before ? before->revision : 0));
      cells_[where][key] = bytes;
    });
  }
  template <typename S>
  void check(S& store, const path& where) {
    std::vector<must::query_item> queries(1);
    for (const auto& event : model_.events(where, {})) {
      if (!event.subject.empty()) queries.push_back({.stream = event.subject});
      for (const auto& tag : event.tags)
        if (dice_.one_in(static_cast<unsigned>(event.tags.size())))
          queries.push_back({.types = {event.type}, .tags = {tag}});
    }
    std::shuffle(queries.begin() + 1, queries.end(), std::mt19937_64(dice_.draw(1'000)));
    queries.resize(std::min<std::size_t>(queries.size(), 20));  // Each costs a look at all events.
    for (auto left = 5; left > 0; --left) queries.push_back({.tags = {drawn(where, "context:")}});
    for (const auto& item : queries) {
      const bool is_all = item.types.empty() && item.tags.empty() && !item.stream;
      INFO((item.stream ? "stream " + *item.stream : item.tags.empty() ? "all" : "tag " + item.tags.front()));
      std::vector<must::cloud_event> found;
      for (const auto& event : must::events_in(store, is_all ? must::query::all() : must::query({item})))
        found.push_back(
            must::cloud_event{.id = event.id, .type = event.type, .subject = event.subject, .tags = event.tags});
      const auto expected = model_.events(where, item);
      CHECK(found == expected);
      if (item.stream) CHECK(store.version(*item.stream) == must::version(expected.size()));
    }
    std::vector<std::string> keys;
    for (const auto& [key, bytes] : cells_[where]) {
      keys.push_back(key);
      CHECK(store.get(key)->bytes == bytes);
    }
    auto listed = store.list("");
    listed.erase(
        std::remove_if(listed.begin(), listed.end(),
                       [](const auto& key) { return key.starts_with("context/") || key.starts_with("must/"); }),
        listed.end());
    std::sort(keys.begin(), keys.end());
    CHECK(listed == keys);
    std::vector<std::string> handled, expected;
    must::subscription(store, "a@1/parked", must::query::all(), [&](const auto& event) {
      handled.push_back(event.id);
    }).run_once();
    for (const auto& event : model_.events(where, {})) expected.push_back(event.id);
    CHECK(handled == expected);
  }

  history_dice dice_;
  Store fixture_{};
  context_model model_{};
  std::vector<path> paths_{};  // The first is the store itself.
  std::map<path, std::map<std::string, std::string>> cells_{};
  int made_ = 0;
};

}  // namespace

EACH_STORE_TEST_CASE(plain_with_cells,
                     "context: in random histories on each store contexts show their own, whatever names and tags say",
                     "[storage]") {
  for_history_seeds(Store::capabilities.durable ? 3 : 8,
                    [](std::uint64_t seed) { context_history<Store>(seed).run(); });
}

// SPDX-License-Identifier: MIT
// The index of events: against a naive scan over random histories, while it grows, and where memory ends.
#include "must/storage/index/event_index.hpp"
#include "must/storage/index/index_cursor.hpp"
#include "must/storage/kit/matching.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace {

using must::detail::index::event_index;
using event = must::basic_event<int>;

// An index, and the events that it does not keep.
struct indexed {
  event_index index{};
  std::vector<event> log{};

  void append(const std::vector<event>& events, bool give_up = false) {
    const auto plan = index.make_plan(std::span<const event>(events));
    index.fetch(plan, events.front().tags.size());
    event_index::hashes rest(plan.begin(), plan.end());
    for (const auto& one : events)
      index.stage(event_index::take(rest, one.tags.size()), one.type, one.subject, one.tags);
    if (give_up) return index.rollback();
    index.commit();
    log.insert(log.end(), events.begin(), events.end());
  }
  [[nodiscard]] std::vector<must::position> read(const must::query& which, const must::read_options& options,
                                                 must::position end) const {
    std::vector<must::position> found;
    must::detail::index::index_cursor cursor(index, which, options, end);
    while (const auto at = cursor.next()) found.push_back(at);
    return found;
  }
  // By looking at every event.
  [[nodiscard]] std::vector<must::position> scan(const must::query& which, const must::read_options& options,
                                                 must::position end) const {
    std::vector<must::position> found;
    for (must::position at = options.after + 1; at <= end; ++at) {
      const auto version = version_at(at);
      if (version <= options.after_version && options.after_version > 0) continue;
      if (version > options.until_version) continue;
      if (must::kit::matches(which, log[at - 1])) found.push_back(at);
    }
    if (options.order == must::direction::backwards) std::reverse(found.begin(), found.end());
    return found;
  }
  [[nodiscard]] must::version version_at(must::position at) const {
    must::version version = 0;
    for (must::position i = 1; i <= at; ++i)
      if (log[i - 1].subject == log[at - 1].subject) ++version;
    return version;
  }
};

class random_history {
 public:
  explicit random_history(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t below(std::uint64_t bound) { return engine_() % bound; }
  // Few names of each kind, the first of them often; some longer than a name that is kept where it stands.
  std::string name(const char* kind, std::uint64_t count) {
    const auto number = below(2) == 0 ? below(2) : below(count);
    return kind + std::to_string(number) + (number % 3 == 2 ? "-with-a-name-beyond-sixteen-bytes" : "");
  }
  event next() {
    event made;
    made.id = std::to_string(++ids_);
    made.source = below(2) == 0 ? "/one" : "/two";
    made.type = name("Type", 7);
    if (below(4) != 0) made.subject = name("stream", 9);
    for (auto tags = below(below(10) == 0 ? 12 : 4); tags > 0; --tags) made.tags.insert(name("tag", 12));
    return made;
  }
  must::query query(bool streams_only = false) {
    must::query made;
    for (auto items = 1 + below(3); items > 0; --items) {
      must::query_item item;
      for (auto types = below(4); types > 0; --types) item.types.push_back(name("Type", 8));
      for (auto tags = below(3); tags > 0; --tags) item.tags.push_back(name("tag", 13));
      if (below(3) == 0 || streams_only || (item.types.empty() && item.tags.empty())) item.stream = name("stream", 10);
      made |= must::query{item};
    }
    return made;
  }

 private:
  std::mt19937_64 engine_;
  std::uint64_t ids_ = 0;
};

}  // namespace

TEST_CASE("event_index: random histories read as a scan of every event does", "[storage]") {
  const auto seed = static_cast<std::uint64_t>(GENERATE(take(6, random(1, 1'000'000'000))));
  CAPTURE(seed);
  random_history history(seed);
  indexed both;
  for (int round = 0; round < 60; ++round) {
    std::vector<event> events(1 + history.below(history.below(8) == 0 ? 40 : 4));
    for (auto& one : events) one = history.next();
    both.append(events, history.below(5) == 0);
    const auto head = both.log.size();
    for (int i = 0; i < 8; ++i) {
      const bool by_version = history.below(4) == 0;
      const auto which = history.query(by_version);
      must::read_options options{.after = history.below(head + 1)};
      const auto end = history.below(head + 1);
      if (history.below(2) == 0) options.order = must::direction::backwards;
      if (history.below(2) == 0) options.after = 0;
      if (by_version) {
        options.after_version = must::version(history.below(10));
        options.until_version = must::version(history.below(30));
      }
      CAPTURE(round, head, options.after, end, options.after_version, options.until_version);
      REQUIRE(both.read(which, options, end) == both.scan(which, options, end));
      options = {.after = history.below(head + 1)};
      const auto matches = both.scan(which, options, head);
      REQUIRE(both.index.last_match(which, options.after) == (matches.empty() ? 0 : matches.back()));
    }
    for (std::uint64_t i = 0; i < 4 && head > 0; ++i) {
      const auto at = 1 + history.below(head);
      const auto& one = both.log[at - 1];
      const auto is = [&](must::position known) { return both.log[known - 1].id == one.id; };
      REQUIRE(both.index.find(one.source, one.id, head, is) == at);
      REQUIRE(both.index.find(one.source, one.id, at - 1, is) == 0);
      REQUIRE(both.index.row(at).version == (one.subject.empty() ? 0 : both.version_at(at)));
      if (!one.subject.empty()) REQUIRE(both.index.version_of(one.subject, at) == both.version_at(at));
    }
  }
}

TEST_CASE("event_index: what was rolled back is as if it had never been staged", "[storage]") {
  indexed both;
  const auto make = [](int id) {
    return event{.id = std::to_string(id), .source = "/s", .type = "T", .subject = "s", .tags = {"a"}};
  };
  for (int id = 0; id < 70; ++id) {
    std::vector<event> lost;
    for (int i = 0; i < id * 3; ++i) lost.push_back(make(1'000 + i));
    if (!lost.empty()) both.append(lost, true);
    both.append({make(id)});
    REQUIRE(both.index.version_of("s").value == both.log.size());
    const auto all = both.read(must::query::of_tags({"a"}), {}, both.log.size());
    REQUIRE(all.size() == both.log.size());
    REQUIRE(all == both.scan(must::query::of_types({"T"}), {}, both.log.size()));
  }
  CHECK(both.index.find("/s", "1000", 70, [](must::position) { return true; }) == 0);
}

TEST_CASE("event_index: a reader sees what was published and no more while the index grows", "[storage][race]") {
  indexed both;
  std::atomic<must::position> published{0};
  constexpr must::position last = 4'000;
  std::atomic<std::uint64_t> wrong{0};
  std::thread reader([&] {
    for (must::position head = 0; head < last;) {
      head = published.load(std::memory_order_acquire);
      if (both.index.version_of("even", head).value != head / 2) ++wrong;
      for (const auto order : {must::direction::forwards, must::direction::backwards}) {
        must::detail::index::index_cursor cursor(both.index, must::query::of_tags({"all", "even"}), {.order = order},
                                                 head);
        must::position count = 0;
        while (const auto at = cursor.next()) count += at <= head && at % 2 == 0 ? 1 : head + 1;
        if (count != head / 2) ++wrong;
      }
    }
  });
  for (must::position at = 1; at <= last; ++at) {
    event made{.id = std::to_string(at), .source = "/s", .type = "T" + std::to_string(at % 50)};
    made.tags = at % 2 == 0 ? must::tag_set{"all", "even"} : must::tag_set{"all", "odd"};
    made.tags.insert("own" + std::to_string(at));
    if (at % 2 == 0) made.subject = "even";
    const std::vector<event> one{std::move(made)};
    const auto plan = both.index.make_plan(std::span<const event>(one));
    event_index::hashes rest(plan.begin(), plan.end());
    both.index.stage(event_index::take(rest, one[0].tags.size()), one[0].type, one[0].subject, one[0].tags);
    both.index.commit();
    published.store(at, std::memory_order_release);
  }
  reader.join();
  CHECK(wrong == 0);
}

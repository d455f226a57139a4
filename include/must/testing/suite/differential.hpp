// SPDX-License-Identifier: MIT
// The storage suite: random histories on two stores side by side must give the same answers.
#pragma once

#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/testing/assertion_failed.hpp"
#include "must/testing/suite/expect.hpp"

#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace must::testing::suite {

// Makes one random step of a history after another. The same seed gives the same history.
template <typename Data, typename MakeData>
class random_history {
 public:
  random_history(std::uint64_t from, MakeData make_data) : random_(from), make_data_(make_data) {}

  // Runs the next step on both stores. Throws assertion_failed where they differ.
  template <typename Left, typename Right>
  void step(Left& left, Right& right) {
    switch (below(6)) {
      case 0:
      case 1: return compare(append(left, next_append()), right);
      case 2: return compare_reads(left, right);
      case 3: {
        const auto stream = name("s", 5);
        return expect_equal(left.version(stream), right.version(stream), "version");
      }
      case 4: {
        const auto id = sent_.empty() ? std::string("unknown") : any_sent().id;
        const auto one = left.find("/suite", id), other = right.find("/suite", id);
        expect(one.has_value() == other.has_value() &&
                   (!one ||
                    (one->position == other->position && one->version == other->version && one->tags == other->tags)),
               "find");
        return;
      }
      default: return expect_equal(left.head(), right.head(), "head");
    }
  }

 private:
  using event_type = basic_event<Data>;
  struct append_step {
    std::vector<event_type> events;
    append_condition condition;
  };
  struct answer {
    append_step step;
    std::string text;
  };

  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  std::string name(const char* prefix, unsigned count) { return prefix + std::to_string(below(count)); }
  const event_type& any_sent() { return sent_[below(sent_.size())]; }

  event_type next_event() {
    if (!sent_.empty() && below(12) == 0) return any_sent();
    event_type made;
    made.id = "e" + std::to_string(below(40) == 0 ? below(next_id_ + 1) : next_id_++);
    made.source = "/suite";
    made.type = name("type", 4);
    if (below(4) != 0) made.subject = name("s", 4);
    for (auto n = below(4); n > 0; --n) made.tags.insert(name("t", 5));
    made.data = make_data_(below(3));
    sent_.push_back(made);
    return made;
  }
  query next_query() {
    if (below(10) == 0) return query::all();
    query made;
    for (auto n = below(4); n > 0; --n) {
      query_item item;
      for (auto k = below(3); k > 0; --k) item.types.push_back(name("type", 5));
      for (auto k = below(3); k > 0; --k) item.tags.push_back(name("t", 6));
      if (below(3) == 0) item.stream = name("s", 5);
      if (!item.types.empty() || !item.tags.empty() || item.stream) made |= query{item};
    }
    return made;
  }
  append_step next_append() {
    append_step made;
    if (!steps_.empty() && below(8) == 0) {
      made = steps_[below(steps_.size())];
    } else {
      for (auto n = below(4) + 1; n > 0; --n) made.events.push_back(next_event());
    }
    made.condition = {};
    if (below(2) == 0) made.condition = {.query = next_query(), .after = below(steps_.size() * 3 + 2)};
    for (auto n = below(3); n > 0; --n)
      made.condition.streams.push_back(
          {name("s", 5), static_cast<stream_expectation::kind>(below(4)), version(below(8))});
    steps_.push_back(made);
    return made;
  }

  template <typename Store>
  static answer append(Store& store, append_step step) {
    auto sent = step.events;
    std::string text;
    try {
      const auto done = store.append(std::span<event_type>(sent), step.condition);
      if (done)
        text = "stored " + std::to_string(done->first) + " to " + std::to_string(done->last);
      else
        text = to_error(done.why()).message;
    } catch (const exception& why) {
      text = "error " + std::to_string(static_cast<int>(why.error().code));
    }
    return {std::move(step), std::move(text)};
  }
  template <typename Store>
  static void compare(const answer& one, Store& other) {
    expect_equal(append(other, one.step).text, one.text, "what an append came to");
  }

  template <typename Left, typename Right>
  void compare_reads(Left& left, Right& right) {
    const auto which = next_query();
    read_options options{.order = below(2) == 0 ? direction::forwards : direction::backwards,
                         .after = below(2) == 0 ? 0 : below(60)};
    if (below(2) == 0) options.until = below(80);
    if (below(3) == 0) options.limit = static_cast<std::int64_t>(below(6));
    const auto stop_after = below(4) == 0 ? below(5) + 1 : ~std::uint64_t{0};
    const auto read = [&](auto& store) {
      std::vector<std::pair<position, std::string>> found;
      const auto done = store.read(which, options, [&](const recorded<Data>& record) {
        found.emplace_back(record.position, record.id + "@" + std::to_string(record.version.value));
        return found.size() < stop_after;
      });
      return std::pair(found, done);
    };
    const auto one = read(left), other = read(right);
    expect(one.first == other.first, "what a read visits");
    expect(one.second == other.second, "head, scanned and complete of a read");
  }

  std::mt19937_64 random_;
  MakeData make_data_;
  std::uint64_t next_id_ = 0;
  std::vector<event_type> sent_;
  std::vector<append_step> steps_;
};

// Runs `histories` random histories of 120 steps, each on a fresh pair of stores that `make` gives.
template <typename Data, typename MakeData, typename Make>
void compare_histories(int histories, MakeData make_data, Make&& make) {
  for (int n = 0; n < histories; ++n) {
    auto pair = make();
    random_history<Data, MakeData> history(seed() + static_cast<std::uint64_t>(n), make_data);
    for (int i = 0; i < 120; ++i) {
      try {
        history.step(pair.first(), pair.second());
      } catch (const assertion_failed& why) {
        throw assertion_failed(std::string(why.what()) + " (step " + std::to_string(i) + " of history " +
                               std::to_string(n) + ", MUST_TEST_SEED=" + std::to_string(seed()) + ")");
      }
    }
  }
}

}  // namespace must::testing::suite

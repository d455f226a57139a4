// SPDX-License-Identifier: MIT
// The storage suite: stores that are shared, opened again, or that run the caller's work in their transactions
// (cases A9, Z5, Z6, S9 and those of TransactionalStorage).
#pragma once

#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/storage.hpp"
#include "must/testing/suite/expect.hpp"
#include "must/testing/suite/race_cases.hpp"

#include <atomic>
#include <cstddef>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace must::testing::suite {

// Of a fixture with other(): the same store by another connection.
template <typename F>
struct sharing_cases {
  static void a9_readable_elsewhere() {
    F fixture;
    auto& store = fixture.store();
    auto& other = fixture.other();
    for (position i = 1; i <= 20; ++i) {
      const auto one = event<F>("a", "s", {"t"});
      append<F>(store, one).value();
      expect_equal(other.head(), i, "the head of another connection, as soon as the append returns");
      expect_equal(other.version("s"), version{i}, "the version of the stream there");
      const auto found = other.find(one.source, one.id);
      expect(found && found->position == i, "the event is found there");
      expect_equal(positions<F>(other, query::of_tags({"t"}), {.after = i - 1}), std::vector<position>{i},
                   "what is read there");
    }
  }
  static void z5_one_winner() {
    for (int round = 0; round < 10; ++round) {
      F fixture;
      auto& store = fixture.store();
      auto& other = fixture.other();
      append<F>(store, event<F>("a", "s", {"shared"})).value();
      std::atomic<int> by_version{0}, by_tag{0};
      at_once(8, [&](int t) {
        by_version += append<F>(t % 2 == 0 ? store : other, event<F>("a", "s"),
                                {.streams = {stream_expectation::exactly("s", 1)}})
                          .stored();
      });
      expect_equal(by_version.load(), 1, "winners of one version, over two connections");
      const auto seen = store.head();
      at_once(8, [&](int t) {
        by_tag += append<F>(t % 2 == 0 ? store : other, event<F>("a", {}, {"shared"}),
                            {.query = query::of_tags({"shared"}), .after = seen})
                      .stored();
      });
      expect_equal(by_tag.load(), 1, "winners of one tag, over two connections");
    }
  }
  // Who follows the tail by one connection misses nothing of what several write by another.
  static void z5_tail() {
    F fixture;
    auto& store = fixture.store();
    auto& other = fixture.other();
    constexpr position total = 200;
    std::vector<position> seen;
    at_once(5, [&](int t) {
      if (t < 4) {
        for (int i = 0; i < 50; ++i) append<F>(store, event<F>("a", numbered("s", t))).value();
        return;
      }
      for (position after = 0; after < total;)
        after = other
                    .read(query::all(), {.after = after},
                          [&](const recorded<data_of<F>>& record) { seen.push_back(record.position); })
                    .scanned;
    });
    expect_equal(seen.size(), std::size_t{total}, "events seen at the tail");
    for (std::size_t i = 0; i < seen.size(); ++i) expect_equal(seen[i], position{i + 1}, "the next position");
  }
};

// Of a fixture with reopen(): closes the store and opens it again.
template <typename F>
struct durable_cases {
  static void z6_reopened() {
    F fixture;
    const auto one = event<F>("a", "s", {"t"}, 1), two = event<F>("b", "s", {"t", "u"}, 2);
    const auto first = append<F>(fixture.store(), std::vector{one, two}).value();
    const auto before = read_all<F>(fixture.store());
    fixture.reopen();
    auto& store = fixture.store();
    expect(read_all<F>(store) == before, "what was stored is there when the store is opened again");
    expect(append<F>(store, std::vector{one, two}).value() == first,
           "a repeat is known when the store is opened again");
    expect(!append<F>(store, event<F>("a"), {.query = query::of_tags({"u"})}), "conditions see what was stored before");
    expect_equal(append<F>(store, event<F>("a", "s")).value().first, position{3}, "the next position");
    expect_equal(store.version("s"), version{3}, "the version of the stream");
  }
};

template <typename F>
struct transaction_cases {
  using transaction = typename store_of<F>::transaction;

  static append_result append_with(store_of<F>& store, event_of<F> one, const append_condition& condition,
                                   const std::function<void(transaction&)>& work) {
    return store.append_with(std::span<event_of<F>>(&one, 1), condition, work);
  }
  static void t1_with_an_append() {
    F fixture;
    auto& store = fixture.store();
    int calls = 0;
    const auto count = [&](transaction& in) { calls += in.handle != nullptr ? 1 : 0; };
    const auto one = event<F>("a", "s", {"t"});
    expect_equal(append_with(store, one, {}, count).value().first, position{1}, "the position");
    expect_equal(calls, 1, "calls for an append");
    expect(!append_with(store, event<F>("a", "s"), {.query = query::of_tags({"t"})}, count),
           "a conflict is a conflict");
    expect_equal(append_with(store, one, {}, count).value().first, position{1}, "a repeat");
    expect_equal(calls, 1, "calls for a conflict and a repeat");
    expect_throws<std::runtime_error>(
        [&] {
          static_cast<void>(append_with(store, event<F>("b", "s"), {},
                                        [](transaction&) { throw std::runtime_error("the view is full"); }));
        },
        "what the work throws goes on");
    expect_equal(store.head(), position{1}, "and nothing is stored");
    expect_equal(store.version("s"), version{1}, "nor any version");
    expect_equal(append_with(store, event<F>("b", "s"), {}, count).value().first, position{2}, "the next position");
  }
  static void s9_with_a_cell() {
    F fixture;
    auto& store = fixture.store();
    int calls = 0;
    const auto count = [&](transaction&) { ++calls; };
    expect(store.put_with("checkpoint", "1", 0, count) && calls == 1, "a put that stores runs the work");
    expect(!store.put_with("checkpoint", "2", 0, count) && calls == 1, "a put that stores nothing does not");
    expect_throws<std::runtime_error>(
        [&] {
          store.put_with("checkpoint", "2", 1, [](transaction&) { throw std::runtime_error("the view is full"); });
        },
        "what the work throws goes on");
    expect(store.get("checkpoint") == cell{"1", 1}, "and the cell is as it was");
  }
};

}  // namespace must::testing::suite

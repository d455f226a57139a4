// SPDX-License-Identifier: MIT
// The storage suite: what readers and followers see while others write (cases V1 to V5).
#pragma once

#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/storage/transactional.hpp"
#include "must/testing/suite/expect.hpp"
#include "must/testing/suite/race_cases.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace must::testing::suite {

template <typename F>
struct visibility_cases {
  using record_type = recorded<data_of<F>>;

  // An append whose transaction, where the store has them, runs `work` before it commits.
  template <typename Work>
  static append_result append_slowly(store_of<F>& store, std::vector<event_of<F>> events, Work&& work) {
    if constexpr (TransactionalStorage<store_of<F>>) {
      return store.append_with(std::span<event_of<F>>(events), {}, [&](auto&) { work(); });
    } else {
      work();
      return append<F>(store, std::move(events));
    }
  }
  static std::vector<event_of<F>> some(std::size_t count, const std::string& stream) {
    std::vector<event_of<F>> made;
    made.reserve(count);
    for (std::size_t n = 0; n < count; ++n) made.push_back(event<F>("a", stream, {"t"}));
    return made;
  }
  // Goes on from `after` to the head, which every position up to it leads to.
  static position follow(store_of<F>& store, const query& which, position after) {
    const auto done = store.read(which, {.after = after}, [&](const record_type& record) {
      expect(record.position == after + 1, with_seed("a follower of the tail meets every position, in order"));
      after = record.position;
    });
    expect(done.complete && done.scanned == done.head && done.head == after, "a follower comes to the head");
    return after;
  }

  // Who follows the tail misses nothing, and no earlier position appears later; refused appends leave no hole.
  static void v1_tail() {
    F fixture;
    auto& store = fixture.store();
    std::atomic<int> writing{6};
    std::atomic<std::uint64_t> stored{0};
    at_once(8, [&](int t) {
      if (t < 6) {
        jitter pause(static_cast<std::uint64_t>(t));
        for (int i = 0; i < 100; ++i) {
          pause();
          const auto count = static_cast<std::size_t>(i % 4 + 1);
          if (i % 5 == 0) {
            expect(!append<F>(store, event<F>("a", "s0"), {.streams = {stream_expectation::exactly("s0", 1'000'000)}}),
                   "a conflict stores nothing");
          }
          append<F>(store, some(count, numbered("s", t))).value();
          stored += count;
        }
        --writing;
        return;
      }
      position after = 0;
      for (bool last_round = false;;) {
        after = follow(store, t == 6 ? query::all() : query::of_tags({"t"}), after);
        if (last_round) break;
        last_round = writing == 0;
      }
      expect_equal(after, position{stored.load()}, "events that a follower has seen");
    });
  }
  // Writers that have written, and then take their time to commit.
  static void v2_slow_writers() {
    F fixture;
    auto& store = fixture.store();
    std::atomic<int> writing{4};
    at_once(6, [&](int t) {
      if (t < 4) {
        jitter pause(static_cast<std::uint64_t>(t));
        for (int i = 0; i < 20; ++i)
          append_slowly(store, some(5, numbered("s", t)), [&] {
            pause();
            std::this_thread::sleep_for(std::chrono::microseconds(200));
          }).value();
        --writing;
        return;
      }
      position after = 0;
      for (bool last_round = false; !last_round;) {
        last_round = writing == 0;
        after = follow(store, t == 4 ? query::all() : query::of_tags({"t"}), after);
        expect(after % 5 == 0, "an append is seen whole or not at all");
      }
      expect_equal(after, position{4} * 20 * 5, "events that a follower has seen");
    });
  }
  // Appends that come to nothing, before the first event, between events, and behind the last.
  static void v3_no_holes() {
    F fixture;
    auto& store = fixture.store();
    const auto known = event<F>("a", "s", {"t"}, 1);
    const auto fail_in_every_way = [&] {
      auto other = known;
      other.data = data<F>(2);
      if (store.head() > 0)
        expect_throws<duplicate_id>([&] { static_cast<void>(append<F>(store, std::vector{event<F>("a"), other})); },
                                    "a known id");
      expect(!append<F>(store, event<F>("a", "s"), {.streams = {stream_expectation::exactly("s", 99)}}), "a conflict");
      if constexpr (TransactionalStorage<store_of<F>>)
        expect_throws<std::runtime_error>(
            [&] {
              static_cast<void>(append_slowly(store, some(3, "s"), [] { throw std::runtime_error("rolled back"); }));
            },
            "what the work throws");
    };
    fail_in_every_way();
    expect_equal(follow(store, query::all(), 0), position{0}, "the head after appends that failed");
    expect_equal(append<F>(store, known).value().first, position{1}, "the first position");
    fail_in_every_way();
    expect_equal(append<F>(store, event<F>("a", "s", {"t"})).value().first, position{2}, "the next position");
    fail_in_every_way();
    expect_equal(follow(store, query::all(), 0), position{2}, "what a follower sees");
    expect_equal(follow(store, query::of_tags({"t"}), 1), position{2}, "what comes after the first");
    expect_equal(store.version("s"), version{2}, "the version of the stream");
  }
  // A transaction that stays open: who reads goes on, or waits for its end, and sees all of it or nothing.
  static void v4_long_transaction() {
    F fixture;
    auto& store = fixture.store();
    append<F>(store, some(2, "s")).value();
    std::mutex mutex;
    std::condition_variable changed;
    bool is_open = false, is_read = false;
    {
      std::jthread holder([&] {
        append_slowly(store, some(3, "s"), [&] {
          std::unique_lock lock(mutex);
          is_open = true;
          changed.notify_all();
          changed.wait_for(lock, std::chrono::milliseconds(300), [&] { return is_read; });
        }).value();
      });
      {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return is_open; });
      }
      const auto seen = follow(store, query::all(), 0);
      expect(seen == 2 || seen == 5, "an open transaction is seen whole or not at all");
      const std::lock_guard lock(mutex);
      is_read = true;
      changed.notify_all();
    }
    expect_equal(follow(store, query::all(), 0), position{5}, "what is seen when it has ended");
    expect_equal(append<F>(store, event<F>("a", "s")).value().first, position{6}, "the next position");
  }
  // What two looks at the tail have both seen is the same: nothing turns up behind what was seen.
  static void v5_overlapping_samples() {
    F fixture;
    auto& store = fixture.store();
    std::atomic<int> writing{4};
    at_once(5, [&](int t) {
      if (t < 4) {
        jitter pause(static_cast<std::uint64_t>(t));
        for (int i = 0; i < 60; ++i) {
          pause();
          append<F>(store, some(static_cast<std::size_t>(i % 3 + 1), numbered("s", t))).value();
        }
        --writing;
        return;
      }
      std::vector<position> before;
      position head_before = 0;
      while (writing > 0) {
        const position after = head_before > 20 ? head_before - 20 : 0;
        std::vector<position> now;
        const auto done = store.read(query::of_types({"a"}), {.after = after},
                                     [&](const record_type& record) { now.push_back(record.position); });
        expect(done.head >= head_before, "the head never goes back");
        std::vector<position> known, again;
        for (const auto at : before)
          if (at > after) known.push_back(at);
        for (const auto at : now)
          if (at <= head_before) again.push_back(at);
        expect_equal(again, known, with_seed("what an earlier look at the tail has seen"));
        before = std::move(now);
        head_before = done.head;
      }
    });
  }
};

}  // namespace must::testing::suite

// SPDX-License-Identifier: MIT
// The storage suite: races with an oracle (cases A5, A6, D6, D7, D8, D9, D11, I4).
#pragma once

#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/testing/suite/expect.hpp"

#include <algorithm>
#include <atomic>
#include <barrier>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace must::testing::suite {

// Lets others run, 0 to 7 times. A race takes another way in each round, and the same by the same seed.
class jitter {
 public:
  explicit jitter(std::uint64_t of) : random_(seed() + of) {}
  void operator()() {
    for (auto n = random_() % 8; n > 0; --n) std::this_thread::yield();
  }

 private:
  std::mt19937_64 random_;
};

// Runs `work(thread)` on as many threads at once. Throws what the first of them threw.
inline void at_once(int threads, const std::function<void(int)>& work) {
  std::barrier start(threads);
  std::mutex mutex;
  std::exception_ptr failure;
  {
    std::vector<std::jthread> running;
    running.reserve(static_cast<std::size_t>(threads));
    for (int t = 0; t < threads; ++t)
      running.emplace_back([&, t] {
        start.arrive_and_wait();
        try {
          work(t);
        } catch (...) {
          const std::lock_guard lock(mutex);
          failure = std::current_exception();
        }
      });
  }
  if (failure) std::rethrow_exception(failure);
}

template <typename F>
struct race_cases {
  static void a5_one_winner() {
    for (int round = 0; round < 20; ++round) {
      F fixture;
      auto& store = fixture.store();
      append<F>(store, event<F>("a", "s")).value();
      std::atomic<int> won{0};
      at_once(8, [&](int) {
        won += append<F>(store, std::vector{event<F>("a", "s"), event<F>("a", "s")},
                         {.streams = {stream_expectation::exactly("s", 1)}})
                   .stored();
      });
      expect_equal(won.load(), 1, "winners of one version");
      expect_equal(store.version("s"), version{3}, "the version of the stream");
    }
  }
  static void a6_all_succeed() {
    F fixture;
    auto& store = fixture.store();
    at_once(8, [&](int) {
      for (int i = 0; i < 50; ++i) append<F>(store, event<F>("a", "s")).value();
    });
    version last = 0;
    for (const auto& record : read_all<F>(store)) expect(record.version == ++last, "versions are dense");
    expect_equal(last, version{400}, "events stored");
  }
  static void d6_barrier_race() {
    for (const int racers : {8, 16, 64})
      for (int round = 0; round < 20; ++round) {
        F fixture;
        auto& store = fixture.store();
        append<F>(store, event<F>("a", "s", {"shared"})).value();
        std::barrier read_by_all(racers);
        std::atomic<int> won{0};
        at_once(racers, [&](int t) {
          jitter pause(static_cast<std::uint64_t>(1'000 * round + t));
          const auto seen = store.read(query::of_tags({"shared"}), {}, [](const recorded<data_of<F>>&) {}).head;
          read_by_all.arrive_and_wait();
          pause();
          won += append<F>(store, event<F>("a", numbered("s", t), {"shared", "own"}),
                           {.query = query::of_tags({"shared"}), .after = seen})
                     .stored();
        });
        expect_equal(won.load(), 1, with_seed("winners of " + std::to_string(racers) + " racers on one tag"));
      }
  }
  // A writer commits while a reader reads: the stale reader loses.
  static void d7_staggered_race() {
    F fixture;
    auto& store = fixture.store();
    for (int i = 0; i < 100; ++i) append<F>(store, event<F>("a", {}, {"shared"})).value();
    std::mt19937_64 random(seed());
    for (int round = 0; round < 50; ++round) {
      bool committed = false;
      const position commits_at = random() % 100 + 1;
      const auto seen = store.read(query::of_tags({"shared"}), {}, [&](const recorded<data_of<F>>& record) {
        if (committed || record.position < commits_at) return;
        committed = true;
        std::jthread([&] { append<F>(store, event<F>("a", {}, {"shared"})).value(); }).join();
      });
      expect(
          !append<F>(store, event<F>("b", {}, {"shared"}), {.query = query::of_tags({"shared"}), .after = seen.head}),
          with_seed("the stale reader loses"));
    }
  }
  // Two racers, each guarding what the other writes: write skew would let both win.
  static void d8_write_skew() {
    for (int round = 0; round < 100; ++round) {
      F fixture;
      auto& store = fixture.store();
      std::atomic<int> won{0};
      at_once(2, [&](int t) {
        const std::string mine = t == 0 ? "left" : "right", other = t == 0 ? "right" : "left";
        const auto which = round % 2 == 0 ? query::of_tags({other}) : query::of_types({other});
        won += append<F>(store, event<F>(mine, {}, {mine}), {.query = which}).stored();
      });
      expect(won.load() == 1, "one of two that guard each other's events wins");
    }
  }
  static void d9_disjoint() {
    F fixture;
    auto& store = fixture.store();
    at_once(8, [&](int t) {
      const auto tag = numbered("t", t);
      for (int i = 0; i < 100; ++i) {
        const auto seen = store.read(query::of_tags({tag}), {}, [](const recorded<data_of<F>>&) {}).head;
        expect(append<F>(store, event<F>("a", {}, {tag}), {.query = query::of_tags({tag}), .after = seen}).stored(),
               "disjoint boundaries do not conflict");
      }
    });
  }
  // Each append that won is proven by replay: nothing that its condition forbids lies between what it saw and itself.
  static void d11_history_oracle() {
    F fixture;
    auto& store = fixture.store();
    struct promise {
      query which;
      position seen, first;
    };
    std::mutex mutex;
    std::vector<promise> kept;
    at_once(8, [&](int t) {
      std::mt19937_64 random(seed() + static_cast<std::uint64_t>(t));
      const auto pick = [&](const char* prefix, unsigned count) {
        return std::string(prefix).append(std::to_string(random() % count));
      };
      for (int i = 0; i < 150; ++i) {
        query which{{.tags = {pick("t", 4)}}};
        if (random() % 2 == 0) which |= query{{.types = {pick("type", 3)}, .tags = {pick("t", 4)}}};
        if (random() % 4 == 0) which |= query::of_stream(pick("s", 3));
        const auto seen = store.read(which, {}, [](const recorded<data_of<F>>&) {}).head;
        std::vector<event_of<F>> events;
        for (auto n = random() % 3 + 1; n > 0; --n)
          events.push_back(event<F>(pick("type", 3), pick("s", 3), {pick("t", 4), pick("t", 4)}));
        if (const auto done = append<F>(store, std::move(events), {.query = which, .after = seen})) {
          const std::lock_guard lock(mutex);
          kept.push_back({which, seen, done->first});
        }
      }
    });
    expect(!kept.empty(), "some appends win");
    for (const auto& [which, seen, first] : kept)
      expect(positions<F>(store, which, {.after = seen, .until = first - 1}).empty(),
             with_seed("no event that a condition forbids lies before the append"));
  }
  // Here an answer is lost: the same append, sent again and again and at once, is stored once.
  static void i4_sent_again() {
    for (int round = 0; round < 20; ++round) {
      F fixture;
      auto& store = fixture.store();
      append<F>(store, event<F>("z", "s")).value();
      const std::vector sent{event<F>("a", "s", {"t"}), event<F>("b", "s", {"t"})};
      const append_condition guarded{.query = query::of_tags({"t"}), .streams = {stream_expectation::exactly("s", 1)}};
      std::atomic<int> answered{0};
      at_once(8, [&](int) { answered += append<F>(store, sent, guarded).value() == appended{2, 3} ? 1 : 0; });
      expect_equal(answered.load(), 8, "senders of one append that get its one result");
      expect_equal(store.head(), position{3}, "head");
    }
  }
};

}  // namespace must::testing::suite

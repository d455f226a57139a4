// SPDX-License-Identifier: MIT
// The line in which writers take their turns, and the commits that those who wait share.
#include "must/storage/kit/shared_commit.hpp"

#include "must/error.hpp"
#include "must/query.hpp"
#include "must/result.hpp"
#include "must/storage/kit/turn_queue.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <latch>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using must::kit::turn_queue;
// Counts how often somebody waits for others, and for how long at the most. It does not wait.
struct noted_waits {
  std::vector<std::chrono::steady_clock::duration>* all;
  void operator()(auto&, auto&, std::chrono::steady_clock::duration at_most, auto&&) const { all->push_back(at_most); }
};
using results = std::vector<must::result<must::append_result>>;

// Gives numbers to items in the order in which they are committed, and notes how many shared each commit.
class counter {
 public:
  explicit counter(must::kit::commit_size most = {.events = 1'000, .bytes = 1'000'000})
      : commits_(turns_, most, {&waits}) {}

  must::append_result append(int item) {
    return commits_.append(
        item,
        [this] {
          ++sized;
          return must::kit::commit_size{.events = 1, .bytes = 10};
        },
        [this](int& one) {
          sizes.push_back(1);
          return next(one);
        },
        [this](std::span<int* const> all) {
          sizes.push_back(all.size());
          if (together) together();
          results done;
          for (const auto* one : all) {
            if (*one < 0)
              done.push_back(must::unexpected<must::error>(
                  {.code = must::error_code::bad_input, .message = std::to_string(*one)}));
            else
              done.push_back(next(*one));
          }
          return done;
        });
  }
  // Holds the turn, so that what is appended waits.
  turn_queue& turns() { return turns_; }
  [[nodiscard]] std::size_t waiting() const { return commits_.waiting(); }

  std::vector<std::size_t> sizes{};
  std::vector<int> order{};
  std::vector<std::chrono::steady_clock::duration> waits{};
  std::atomic<int> sized{0};
  void (*together)() = nullptr;

 private:
  must::append_result next(int item) {
    order.push_back(item);
    return must::appended{order.size(), order.size()};
  }
  turn_queue turns_{};
  must::kit::shared_commit<int, noted_waits> commits_;
};

// Appends items, each in a thread of its own, which all wait for a commit before the first begins.
template <typename Append>
void append_together(counter& of, const std::vector<int>& items, Append&& append) {
  std::optional<turn_queue::turn> held(std::in_place, of.turns());
  held->wait();
  std::vector<std::jthread> running;
  for (std::size_t i = 0; i < items.size(); ++i) {
    running.emplace_back([&, i] { append(items[i]); });
    while (of.waiting() != i + 1) std::this_thread::yield();
  }
  held.reset();
}

}  // namespace

TEST_CASE("turn_queue: turns come in the order in which the places were taken", "[storage][race]") {
  turn_queue queue;
  std::optional<turn_queue::turn> held(std::in_place, queue);
  held->wait();
  CHECK_FALSE(queue.try_lock());
  std::vector<int> order;
  {
    std::vector<std::jthread> running;
    std::atomic<int> placed{0};
    for (int t = 0; t < 16; ++t) {
      running.emplace_back([&, t] {
        turn_queue::turn mine(queue);
        ++placed;
        mine.wait();
        order.push_back(t);
      });
      while (placed <= t) std::this_thread::yield();
    }
    held.reset();
  }
  CHECK(order.size() == 16);
  CHECK(std::is_sorted(order.begin(), order.end()));
  CHECK(queue.try_lock());
  queue.unlock();
}

TEST_CASE("turn_queue: one thread has the turn at a time", "[storage][race]") {
  turn_queue queue;
  constexpr int threads = 8, each = 500;
  int inside = 0, turns = 0;
  std::latch begin(threads);
  {
    std::vector<std::jthread> running;
    for (int t = 0; t < threads; ++t)
      running.emplace_back([&] {
        begin.arrive_and_wait();
        for (int i = 0; i < each; ++i) {
          turn_queue::turn mine(queue);
          mine.wait();
          if (++inside != 1) std::abort();
          ++turns;
          --inside;
        }
      });
  }
  CHECK(turns == threads * each);
}

TEST_CASE("turn_queue: a place that is left without waiting does not hold up those behind it", "[storage][race]") {
  turn_queue queue;
  std::optional<turn_queue::turn> held(std::in_place, queue);
  held->wait();
  std::atomic<bool> placed{false};
  std::jthread leaving([&] {
    const turn_queue::turn mine(queue);
    placed = true;
  });
  while (!placed) std::this_thread::yield();
  turn_queue::turn behind(queue);
  held.reset();
  behind.wait();
  CHECK_FALSE(queue.try_lock());
}

TEST_CASE("shared_commit: a thread that is alone commits each item by itself", "[storage]") {
  counter of;
  for (int i = 1; i <= 3; ++i) CHECK(of.append(i)->first == static_cast<must::position>(i));
  CHECK(of.sizes == std::vector<std::size_t>{1, 1, 1});
  CHECK(of.sized == 0);
  CHECK(of.waits.empty());
}

TEST_CASE("shared_commit: items that wait share a commit, in the order in which they came", "[storage][race]") {
  counter of;
  std::atomic<int> stored{0};
  append_together(of, {1, 2, 3, 4, 5},
                  [&](int item) { stored += of.append(item)->first == static_cast<must::position>(item) ? 1 : 0; });
  CHECK(stored == 5);
  CHECK(of.sizes == std::vector<std::size_t>{5});
  CHECK(of.sized == 5);
  CHECK(of.order == std::vector<int>{1, 2, 3, 4, 5});
}

TEST_CASE("shared_commit: a commit is bounded by events and by bytes, and has one item at least", "[storage][race]") {
  counter by_events({.events = 2, .bytes = 1'000}), by_bytes({.events = 9, .bytes = 35}),
      by_nothing(must::kit::commit_size{});
  std::atomic<int> stored{0};
  for (auto* of : {&by_events, &by_bytes, &by_nothing})
    append_together(*of, {1, 2, 3, 4, 5}, [&](int item) { stored += of->append(item) ? 1 : 0; });
  CHECK(stored == 15);
  CHECK(by_events.sizes == std::vector<std::size_t>{2, 2, 1});
  CHECK(by_bytes.sizes == std::vector<std::size_t>{3, 2});
  CHECK(by_nothing.sizes == std::vector<std::size_t>{1, 1, 1, 1, 1});
  CHECK(by_nothing.order == std::vector<int>{1, 2, 3, 4, 5});
}

TEST_CASE("shared_commit: the error of an item is its own, and that of a commit is the error of each",
          "[storage][race]") {
  counter of;
  std::atomic<int> stored{0};
  std::string refused;
  append_together(of, {1, -2, 3}, [&](int item) {
    try {
      stored += of.append(item).stored() ? 1 : 0;
    } catch (const must::bad_input& why) {
      refused = why.what();
    }
  });
  CHECK(stored == 2);
  CHECK(refused == "-2");

  of.together = [] { throw std::runtime_error("the disk is gone"); };
  std::atomic<int> failed{0};
  append_together(of, {4, 5, 6}, [&](int item) {
    try {
      static_cast<void>(of.append(item));
    } catch (const must::exception& why) {
      failed += std::string(why.what()) == "the disk is gone" ? 1 : 0;
    }
  });
  CHECK(failed == 3);
  CHECK(of.append(7)->first == 3);
}

TEST_CASE("shared_commit: an item that is alone after a commit that was shared waits once for others",
          "[storage][race]") {
  counter of;
  of.together = [] { std::this_thread::sleep_for(std::chrono::milliseconds(12)); };
  std::atomic<int> stored{0};
  append_together(of, {1, 2}, [&](int item) { stored += of.append(item) ? 1 : 0; });
  CHECK(stored == 2);
  CHECK(of.waits.empty());
  for (int item = 3; item < 6; ++item) CHECK(of.append(item));
  CHECK(of.waits == std::vector<std::chrono::steady_clock::duration>{std::chrono::milliseconds(2)});
  CHECK(of.sized == 3);  // Only the first of those that were alone might have shared its commit.
}

TEST_CASE("shared_commit: nobody waits for longer than a quarter of the commit that was shared", "[storage][race]") {
  counter of;
  std::atomic<int> stored{0};
  const auto begin = std::chrono::steady_clock::now();
  append_together(of, {1, 2}, [&](int item) { stored += of.append(item) ? 1 : 0; });
  const auto all = std::chrono::steady_clock::now() - begin;
  CHECK(of.append(3));
  REQUIRE(of.waits.size() == 1);
  CHECK(of.waits[0] <= all / 4);
}

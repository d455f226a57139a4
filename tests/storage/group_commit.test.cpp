// SPDX-License-Identifier: MIT
// group_commit: the storage suite, what shares a commit, and what becomes of errors.
#include "must/storage/group_commit.hpp"

#include "must/must.hpp"
#include "must/storage/memory.hpp"
#include "must/testing/storage_suite.hpp"

#include "support/catch.hpp"
#include "support/run_cases.hpp"

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

struct fixture {
  static constexpr must::testing::capabilities capabilities{.cells = true, .batches = true, .waiting = true};
  must::group_commit<must::memory_store<>>& store() { return shared_; }
  must::memory_store<> store_;
  must::group_commit<must::memory_store<>> shared_{store_};
};

// A memory store whose first commit waits until it is let go, and which notes how large each commit is.
class gated_store : public must::memory_store<> {
 public:
  using must::memory_store<>::memory_store;

  must::append_result append(std::span<event> events, const must::append_condition& condition) {
    pass(1);
    return must::memory_store<>::append(events, condition);
  }
  std::vector<must::result<must::append_result>> append_batch(std::span<must::batch_item<data_type>> items) {
    pass(items.size());
    if (fails) throw std::runtime_error("the disk is gone");
    return must::memory_store<>::append_batch(items);
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void wait_until_held() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !commits.empty(); });
  }
  std::vector<std::size_t> commits;
  std::atomic<bool> fails = false;

 private:
  void pass(std::size_t size) {
    std::unique_lock lock(mutex_);
    commits.push_back(size);
    changed_.notify_all();
    changed_.wait(lock, [&] { return open_; });
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

must::cloud_event numbered(int n) {
  must::cloud_event event{.id = std::to_string(n), .source = "/test", .type = "Noted", .subject = "s"};
  event.data = must::payload("text/plain", std::string(100, 'x'));
  return event;
}

// What became of an append on a thread of its own.
struct outcome {
  must::position first = 0;
  bool conflict = false;
  std::string thrown{};
};

// One append is held in its commit until `others` wait behind it; then all go on.
std::vector<outcome> held_together(gated_store& store, int others, must::group_commit_options options,
                                   const must::append_condition& condition = {}) {
  must::group_commit shared(store, options);
  std::vector<outcome> outcomes(static_cast<std::size_t>(others) + 1);
  std::atomic<int> begun = 0;
  const auto append = [&](int n) {
    auto event = numbered(n);
    auto& mine = outcomes[static_cast<std::size_t>(n)];
    ++begun;
    try {
      const auto done = shared.append(std::span(&event, 1), n == 0 ? must::append_condition{} : condition);
      mine.conflict = !done.stored();
      if (done) mine.first = done->first;
    } catch (const std::exception& why) {
      mine.thrown = why.what();
    }
  };
  std::vector<std::thread> threads;
  threads.emplace_back(append, 0);
  store.wait_until_held();
  for (int n = 1; n <= others; ++n) threads.emplace_back(append, n);
  while (shared.waiting() < static_cast<std::size_t>(others)) std::this_thread::yield();
  for (const auto& one : outcomes) CHECK((one.first == 0 && one.thrown.empty()));  // nobody returns before the commit
  store.open();
  for (auto& thread : threads) thread.join();
  return outcomes;
}

}  // namespace

TEST_CASE("group_commit: shows what every store must show", "[storage]") {
  must_test::run_storage_cases<fixture>(false);
}

TEST_CASE("group_commit: shows what every store must show, in races", "[storage][race]") {
  must_test::run_storage_cases<fixture>(true);
}

TEST_CASE("group_commit: appends that wait share one commit", "[storage][race]") {
  gated_store store;
  const auto outcomes = held_together(store, 7, {});
  CHECK(store.commits == std::vector<std::size_t>{1, 7});
  CHECK(outcomes[0].first == 1);
  CHECK(store.head() == 8);
}

TEST_CASE("group_commit: a commit is bounded by events and by bytes, and has one append at least", "[storage][race]") {
  gated_store by_events, by_bytes, by_nothing;
  held_together(by_events, 7, {.events = 3});
  CHECK(by_events.commits == std::vector<std::size_t>{1, 3, 3, 1});
  held_together(by_bytes, 4, {.bytes = 250});
  CHECK(by_bytes.commits == std::vector<std::size_t>{1, 2, 2});
  held_together(by_nothing, 2, {.events = 0, .bytes = 0});
  CHECK(by_nothing.commits == std::vector<std::size_t>{1, 1, 1});
}

TEST_CASE("group_commit: each append keeps its own condition and result", "[storage][race]") {
  gated_store store;
  const auto outcomes =
      held_together(store, 5, {}, {.query = must::query::of_types({"Noted"}), .after = 1, .streams = {}});
  CHECK(store.commits == std::vector<std::size_t>{1, 5});
  int stored = 0;
  for (const auto& one : outcomes) stored += one.conflict ? 0 : 1;
  CHECK(stored == 2);  // the one that was held, and one of those that allow nothing beside it
  CHECK(store.head() == 2);
}

TEST_CASE("group_commit: the error of one append is its own", "[storage][race]") {
  gated_store store;
  const auto outcomes = held_together(store, 3, {}, {.after = 1'000});
  CHECK(outcomes[0].first == 1);
  for (int n = 1; n <= 3; ++n)
    CHECK(outcomes[static_cast<std::size_t>(n)].thrown.find("position 1000") != std::string::npos);
  must::group_commit shared(store);
  auto event = numbered(9);
  CHECK(shared.append(std::span(&event, 1), {}).value().first == 2);
}

TEST_CASE("group_commit: what fails as a whole is the error of each, and the next commit goes on", "[storage][race]") {
  gated_store store;
  store.fails = true;
  const auto outcomes = held_together(store, 3, {});
  for (int n = 1; n <= 3; ++n) CHECK(outcomes[static_cast<std::size_t>(n)].thrown == "the disk is gone");
  must::group_commit shared(store);
  auto event = numbered(9);
  CHECK(shared.append(std::span(&event, 1), {}).value().first == 2);
}

TEST_CASE("group_commit: bad input is refused before it joins", "[storage]") {
  must::memory_store<> store;
  must::group_commit shared(store);
  must::cloud_event nameless{.id = "", .source = "/test", .type = "Noted"};
  CHECK_THROWS_AS(shared.append(std::span(&nameless, 1), {}), must::bad_input);
  CHECK(store.head() == 0);
}

TEST_CASE("group_commit: what is thrown, be it an exception or not, is the thrower's own, and nobody is left waiting",
          "[storage][race]") {
  // Fails now and then, before or instead of a commit, in every way there is.
  class failing_store : public must::memory_store<> {
   public:
    using must::memory_store<>::memory_store;
    must::append_result append(std::span<event> events, const must::append_condition& condition) {
      fail();
      return must::memory_store<>::append(events, condition);
    }
    std::vector<must::result<must::append_result>> append_batch(std::span<must::batch_item<data_type>> items) {
      fail();
      return must::memory_store<>::append_batch(items);
    }

   private:
    void fail() {
      switch (commits_++ % 5) {
        case 1: throw 42;
        case 2: throw std::bad_alloc();
        case 3: throw must::storage_error({.code = must::error_code::storage_error, .message = "gone"});
        default: return;
      }
    }
    std::atomic<unsigned> commits_{0};
  };
  failing_store store;
  must::group_commit shared(store);
  constexpr int threads = 16, each = 200;
  std::atomic<int> stored{0}, failed{0};
  {
    std::vector<std::jthread> running;
    for (int t = 0; t < threads; ++t)
      running.emplace_back([&, t] {
        for (int i = 0; i < each; ++i) {
          auto event = numbered(t * each + i);
          try {
            shared.append(std::span(&event, 1), {}).value();
            ++stored;
          } catch (...) {
            ++failed;
          }
        }
      });
  }
  CHECK(stored + failed == threads * each);
  CHECK(failed > 0);
  CHECK(store.head() == static_cast<must::position>(stored.load()));
  CHECK(shared.waiting() == 0);
}

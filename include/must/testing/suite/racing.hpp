// SPDX-License-Identifier: MIT
// Threads that race, a gate that they start through together, and numbers that look random and can be drawn again.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace must::testing::detail {

// splitmix64.
class suite_random {
 public:
  explicit suite_random(std::uint64_t seed) : state_(seed) {}
  [[nodiscard]] std::uint64_t operator()() {
    auto drawn = state_ += 0x9E37'79B9'7F4A'7C15U;
    drawn = (drawn ^ (drawn >> 30U)) * 0xBF58'476D'1CE4'E5B9U;
    drawn = (drawn ^ (drawn >> 27U)) * 0x94D0'49BB'1331'11EBU;
    return drawn ^ (drawn >> 31U);
  }
  /// One of 0 ... count - 1.
  [[nodiscard]] std::size_t below(std::size_t count) { return static_cast<std::size_t>((*this)() % count); }
  [[nodiscard]] bool one_in(std::size_t count) { return below(count) == 0; }

 private:
  std::uint64_t state_;
};

// Opens when all have arrived, and from then on stands open.
class gate {
 public:
  explicit gate(std::size_t count) : missing_(count) {}
  void arrive_and_wait() {
    std::unique_lock lock(mutex_);
    if (missing_ > 0 && --missing_ == 0) opened_.notify_all();
    opened_.wait(lock, [&] { return missing_ == 0; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    missing_ = 0;
    opened_.notify_all();
  }

 private:
  std::mutex mutex_{};
  std::condition_variable opened_{};
  std::size_t missing_;
};

// Runs `body(number, start)` in `count` threads; `start` is a gate for all of them, which a failure opens.
// Rethrows the first failure when all have ended.
template <typename Body>
void race(std::size_t count, Body&& body) {
  gate start(count);
  std::mutex mutex;
  std::exception_ptr failure;
  std::vector<std::thread> threads;
  const auto fail = [&] {
    const std::lock_guard lock(mutex);
    if (!failure) failure = std::current_exception();
    start.open();
  };
  try {
    threads.reserve(count);
    for (std::size_t i = 0; i < count; ++i)
      threads.emplace_back([&, i] {
        try {
          body(i, start);
        } catch (...) {
          fail();
        }
      });
  } catch (...) {
    fail();
  }
  for (auto& thread : threads) thread.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace must::testing::detail

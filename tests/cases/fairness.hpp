// SPDX-License-Identifier: MIT
// Many threads that fight for one boundary through process_command: who waits longest.
#pragma once

#include "must/codec/json.hpp"
#include "must/must.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace must_test {

struct Taken {
  static constexpr auto type = "Taken";
  std::string stream;
  int number;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Taken, stream, number)

struct Tickets {
  using events = must::events<Taken>;
  int last = 0;
  void apply(const Taken& taken) { last = taken.number; }
};
struct Take {
  std::string counter;

  auto depends_on() const { return must::stream<Tickets>(counter); }
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  Taken be_translated_to_events(const Tickets& tickets) const { return {counter, tickets.last + 1}; }
};

struct fight {
  int taken = 0;
  std::vector<std::string> failures{};
  std::chrono::milliseconds longest{0};
};

// MUST_TEST_SECONDS, else 2.
inline std::chrono::seconds time_to_fight() {
  const char* given = std::getenv("MUST_TEST_SECONDS");
  return std::chrono::seconds(given == nullptr ? 2 : std::atoi(given));
}

// `threads` take tickets until the time is over, all of one counter at a time; the next counter begins after 20, so
// that reading it stays cheap.
template <typename Store>
fight fight_for_one_boundary(Store& store, int threads, std::chrono::milliseconds patience) {
  fight all;
  std::mutex mutex;
  std::atomic<int> taken = 0;
  const auto end = std::chrono::steady_clock::now() + time_to_fight();
  {
    std::vector<std::jthread> running;
    for (int t = 0; t < threads; ++t)
      running.emplace_back([&] {
        while (std::chrono::steady_clock::now() < end) {
          const auto begin = std::chrono::steady_clock::now();
          const auto counter = "counter-" + std::to_string(taken / 20);
          const auto done =
              must::try_process_command(Take{counter}, store, must::deadline{patience}, must::attempts{1'000'000});
          const auto waited =
              std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
          taken += done ? 1 : 0;
          const std::lock_guard lock(mutex);
          all.longest = std::max(all.longest, waited);
          if (!done) all.failures.push_back(done.error().message);
        }
      });
  }
  all.taken = taken;
  return all;
}

}  // namespace must_test

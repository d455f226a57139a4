// SPDX-License-Identifier: MIT
// What random histories share: their seeds, and the dice and the story of one.
#pragma once

#include "must/testing/suite/expect.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

namespace must_test {

// The dice of one history, and what was done. The same seed makes the same history.
class history_dice {
 public:
  explicit history_dice(std::uint64_t seed) : random_(seed) {}
  unsigned draw(unsigned below) { return static_cast<unsigned>(random_() % below); }
  bool one_in(unsigned times) { return draw(times) == 0; }
  template <typename T>
  const T& any_of(const std::vector<T>& all) {
    return all[draw(static_cast<unsigned>(all.size()))];
  }
  void tell(const std::string& step) { story_ += " " + step; }
  [[nodiscard]] const std::string& story() const { return story_; }

 private:
  std::mt19937_64 random_;
  std::string story_{};
};

// Runs histories by seeds that follow one another: `count` of them, from 1 on. MUST_TEST_SEED is another first seed.
// With MUST_TEST_SECONDS it goes on for as long. A failure names its seed.
template <typename Run>
void for_history_seeds(unsigned count, Run&& run) {
  const char* const seconds = std::getenv("MUST_TEST_SECONDS");
  const auto patience = std::chrono::seconds(seconds == nullptr ? 0 : std::atoi(seconds));
  const auto begun = std::chrono::steady_clock::now();
  const auto first = std::getenv("MUST_TEST_SEED") == nullptr ? 1 : must::testing::suite::seed();
  for (auto seed = first; seed < first + count || std::chrono::steady_clock::now() - begun < patience; ++seed) {
    INFO("MUST_TEST_SEED=" << seed);
    run(seed);
  }
}

}  // namespace must_test

// SPDX-License-Identifier: MIT
// The public suite for any Delivery: what a relay has to show with it, in any test framework or none.
#pragma once

#include "must/testing/suite/delivery_cases.hpp"

#include <exception>
#include <string>
#include <vector>

namespace must::testing {

/// One case of the delivery suite.
struct delivery_case {
  std::string id;    ///< The id of the case, such as "RL1".
  std::string says;  ///< The sentence that a delivery has to make true.
  void (*run)();     ///< Runs the case. It throws assertion_failed when the delivery does not pass.
};

/// Returns all cases for the delivery of a fixture. Each case makes a fixture of its own.
///
/// A fixture is default-constructible. It has `store()`, which returns a CellStorage that is empty at first, and
/// `delivery()`, which returns a Delivery. It has `received()`, which returns the ids of the events that have arrived
/// at the receiver so far, in order, repeats included. A fixture of a store of structs has `static data_type data(n)`.
/// The cases wait in real time.
template <typename F>
[[nodiscard]] std::vector<delivery_case> delivery_cases() {
  using C = suite::delivery_cases<F>;
  return {
      {"RL1", "a crash at any of six points loses nothing, and repeats no more than the window", &C::rl1_crash_points},
      {"RL2", "what many writers commit arrives, in order", &C::rl2_late_commits},
      {"RL3", "events that are filtered out move the checkpoint", &C::rl3_filtered_tail},
      {"RL4", "the checkpoint is saved when nothing follows, and what comes later is delivered", &C::rl4_idle_tail},
      {"RL5", "one relay delivers at a time, and another takes over from one that died", &C::rl5_takeover},
      {"RL6", "poison is parked, its stream waits, and a replay delivers both in order", &C::rl6_poison_and_replay},
      {"RL7", "the number of lanes may change", &C::rl7_lanes_change},
      {"RL8", "a relay that gets nowhere says so", &C::rl8_stall_alarm},
      {"RL9", "an unknown outcome is sent again, a fatal one stops the relay", &C::rl9_outcomes}};
}

/// Runs every case for the delivery of a fixture, and calls `report(case, why)` after each. `why` is empty for a case
/// that passed. \returns the number of cases that failed
template <typename F, typename Report>
int run_delivery_suite(Report&& report) {
  int failures = 0;
  for (const auto& one : delivery_cases<F>()) {
    std::string why;
    try {
      one.run();
    } catch (const std::exception& failure) {
      why = failure.what();
      ++failures;
    }
    report(one, why);
  }
  return failures;
}

}  // namespace must::testing

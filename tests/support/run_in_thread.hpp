// SPDX-License-Identifier: MIT
// A run of a follower in a thread of its own.
#pragma once

#include "must/error.hpp"

#include <optional>
#include <stop_token>
#include <thread>

namespace must_test {

// Runs until a stop is requested, or it fails: with `ended`.
template <typename Follower>
std::jthread run_in_thread(Follower& follows, std::optional<must::error>& ended) {
  return std::jthread([&](const std::stop_token& stop) {
    try {
      follows.run(stop);
    } catch (const must::exception& why) {
      ended = why.error();
    }
  });
}

}  // namespace must_test

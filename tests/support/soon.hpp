// SPDX-License-Identifier: MIT
// Waiting for what another thread or process does.
#pragma once

#include <chrono>
#include <thread>

namespace must_test {

// Whether `holds` becomes true within a minute.
template <typename Condition>
bool soon(Condition&& holds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace must_test

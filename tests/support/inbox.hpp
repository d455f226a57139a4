// SPDX-License-Identifier: MIT
// A delivery that ends within the test.
#pragma once

#include "must/delivery/delivery.hpp"

#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace must_test {

// Keeps the ids of what was delivered.
class inbox {
 public:
  void deliver(std::span<const must::recorded<must::payload>* const> batch, std::span<must::delivery_answer>) {
    const std::lock_guard lock(mutex_);
    batches.push_back(batch.size());
    for (const auto* one : batch) ids_.push_back(one->id);
  }
  [[nodiscard]] std::vector<std::string> ids() {
    const std::lock_guard lock(mutex_);
    return ids_;
  }
  std::vector<std::size_t> batches{};

 private:
  std::mutex mutex_{};
  std::vector<std::string> ids_{};
};

}  // namespace must_test

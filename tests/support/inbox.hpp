// SPDX-License-Identifier: MIT
// A delivery that ends within the test.
#pragma once

#include "must/delivery/delivery.hpp"
#include "must/delivery/pubsub.hpp"

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

// The same behind a pubsub.
class bus_inbox {
 public:
  using message = must::recorded<must::payload>;

  must::pubsub<message>& bus() { return bus_; }
  [[nodiscard]] std::vector<std::string> ids() {
    const std::lock_guard lock(mutex_);
    return ids_;
  }

 private:
  std::mutex mutex_{};
  std::vector<std::string> ids_{};
  must::pubsub<message> bus_{};
  must::topic_subscription token_ = bus_.subscribe("wanted", [this](const message& event) {
    const std::lock_guard lock(mutex_);
    ids_.push_back(event.id);
  });
};

}  // namespace must_test

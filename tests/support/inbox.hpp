// SPDX-License-Identifier: MIT
// Deliveries that end within the test, and the delivery suite for each of them with a store.
#pragma once

#include "must/delivery/pubsub.hpp"
#include "must/delivery/stage.hpp"
#include "must/testing/delivery_suite.hpp"

#include "support/catch.hpp"

#include <functional>
#include <mutex>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace must_test {

// Keeps the ids of what was delivered.
class inbox {
 public:
  inbox& delivery() { return *this; }
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

  must::pubsub<message>& delivery() { return bus_; }
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

// The same behind two stages that run in threads of their own.
class stage_inbox {
 public:
  using message = must::recorded<must::payload>;

  stage_inbox() {
    for (auto* one : {&first_, &second_}) one->subscribe_to(stages_, {.max_demand = 3});
    for (auto* one : {&first_, &second_}) threads_.emplace_back([one](const std::stop_token& stop) { one->run(stop); });
  }
  must::stage_delivery<message>& delivery() { return stages_; }
  [[nodiscard]] std::vector<std::string> ids() {
    const std::lock_guard lock(mutex_);
    return ids_;
  }

 private:
  using handler = std::function<void(const message&)>;
  void keep(const message& event) {
    const std::lock_guard lock(mutex_);
    ids_.push_back(event.id);
  }
  std::mutex mutex_{};
  std::vector<std::string> ids_{};
  must::stage_delivery<message> stages_{};
  must::consumer<message, handler> first_{[this](const message& event) { keep(event); }};
  must::consumer<message, handler> second_{[this](const message& event) { keep(event); }};
  std::vector<std::jthread> threads_{};
};

// A fixture of the delivery suite: a store's, and where its events arrive.
template <typename Stored, typename Inbox>
struct delivered {
  auto& store() { return stored_.store(); }
  auto& delivery() { return inbox_.delivery(); }
  std::vector<std::string> received() { return inbox_.ids(); }
  Stored stored_{};
  Inbox inbox_{};
};

template <typename Stored, typename Inbox>
void check_delivery() {
  for (const auto& one : must::testing::delivery_cases<delivered<Stored, Inbox>>()) {
    DYNAMIC_SECTION(one.id << " " << one.says) { CHECK_NOTHROW(one.run()); }
  }
}

}  // namespace must_test

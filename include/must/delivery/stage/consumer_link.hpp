// SPDX-License-Identifier: MIT
// How a consumer asks one producer for events, and its side of that subscription.
#pragma once

#include "must/delivery/stage/flow.hpp"
#include "must/detail/rest.hpp"
#include "must/error.hpp"
#include "must/timestamp.hpp"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <utility>

namespace must {

/// What the end of a producer means for a consumer.
enum class cancel_mode : std::uint8_t {
  permanent,  ///< The consumer ends with the producer.
  transient,  ///< The consumer ends when the producer has failed.
  temporary   ///< The consumer goes on with its other producers.
};

/// The options of the subscription of a consumer to a producer.
struct demand_options {
  /// The highest number of events that may be on their way, 1 or more.
  std::int64_t max_demand = 1'000;
  /// The number of events still to come at which more are asked for: 0 or more, and less than max_demand. -1 stands for
  /// half of max_demand.
  std::int64_t min_demand = -1;
  /// What the end of the producer means for the consumer.
  cancel_mode cancel = cancel_mode::permanent;
  /// A function that is called when the producer has ended. `why` holds what it failed with, or nothing.
  std::function<void(const std::exception_ptr& why)> on_end{};
};

namespace detail::stage {

// The side of a consumer of one subscription.
template <typename T, typename Handler>
class consumer_link final : public stage_subscriber<T> {
 public:
  consumer_link(Handler& handler, demand_options options) : handler_(&handler), options_(std::move(options)) {
    const auto refuse = [](const char* field, std::int64_t value) {
      raise({.code = error_code::bad_input,
             .message = std::string(field) + " is " + std::to_string(value) +
                        "; max_demand is 1 or more, min_demand 0 or more and less than that",
             .field = std::string(field)});
    };
    if (options_.max_demand < 1) refuse("max_demand", options_.max_demand);
    if (options_.min_demand == -1) options_.min_demand = options_.max_demand / 2;
    if (options_.min_demand < 0 || options_.min_demand >= options_.max_demand)
      refuse("min_demand", options_.min_demand);
  }
  // on_subscribe may come late, from any thread (rule 1.9).
  void on_subscribe(std::shared_ptr<stage_subscription> subscription) override {
    {
      const std::lock_guard lock(mutex_);
      if (!is_cancelled_ && subscription_ == nullptr) {
        subscription_ = std::move(subscription);
        there_ = subscription_.get();
        subscribed_.notify_all();
        return;
      }
    }
    subscription->cancel();  // Rule 2.5 asks for this.
  }
  void on_next(const T& event) override {
    (*handler_)(event);
    if (--left_ == options_.min_demand) there_.load()->request(missing());
  }
  void on_error(const std::exception_ptr& why) noexcept override { why_ = why; }
  void on_complete() noexcept override {}

  // Returns false when it has ended. Before on_subscribe there is nothing to ask.
  bool poll(duration timeout, const std::stop_token& stop) {
    auto* const to = subscribed_within(timeout, stop);
    return to == nullptr || to->poll(left_ > options_.min_demand ? 0 : missing(), timeout, stop);
  }
  // Returns whether the next poll may send something.
  bool wait(duration timeout, const std::stop_token& stop) {
    if (auto* const to = there_.load()) return to->wait(timeout, stop);
    return subscribed_within(timeout, stop) != nullptr;
  }
  void cancel() {
    {
      const std::lock_guard lock(mutex_);
      is_cancelled_ = true;
    }
    if (auto* const to = there_.load()) to->cancel();
  }
  [[nodiscard]] const demand_options& options() const { return options_; }
  [[nodiscard]] const std::exception_ptr& why() const { return why_; }

 private:
  stage_subscription* subscribed_within(duration timeout, const std::stop_token& stop) {
    if (auto* const to = there_.load()) return to;
    std::unique_lock lock(mutex_);
    subscribed_.wait_for(lock, stop, bounded(timeout), [&] { return subscription_ != nullptr; });
    return subscription_.get();
  }
  std::int64_t missing() { return options_.max_demand - std::exchange(left_, options_.max_demand); }

  Handler* handler_;
  demand_options options_;
  std::mutex mutex_{};  // This protects the two members below.
  std::shared_ptr<stage_subscription> subscription_{};
  bool is_cancelled_ = false;
  std::atomic<stage_subscription*> there_{nullptr};  // The subscription, which stays once it is there.
  std::condition_variable_any subscribed_{};
  std::int64_t left_ = 0;
  std::exception_ptr why_{};
};

}  // namespace detail::stage
}  // namespace must

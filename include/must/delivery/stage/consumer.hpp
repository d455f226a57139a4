// SPDX-License-Identifier: MIT
// consumer: the last stage, which asks for as many events as it can take.
#pragma once

#include "must/delivery/stage/flow.hpp"
#include "must/delivery/stage/producer.hpp"
#include "must/error.hpp"
#include "must/timestamp.hpp"

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace must {

/// What the end of a producer means for a consumer.
enum class cancel_mode : std::uint8_t {
  permanent,  ///< the consumer ends with it
  transient,  ///< the consumer ends if it failed
  temporary   ///< the consumer goes on with its other producers
};

/// How a consumer asks a producer for events.
struct demand_options {
  std::int64_t max_demand = 1'000;  ///< events that may be on their way, 1 or more
  std::int64_t min_demand = -1;     ///< as few are left when more are asked for: 0 to below max; -1: half of max
  cancel_mode cancel = cancel_mode::permanent;  ///< what the end of the producer means

  /// Is told that the producer has ended; why, where it failed.
  std::function<void(const std::exception_ptr& why)> on_end{};
};

namespace detail::stage {

// A consumer's side of one subscription.
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
  void on_subscribe(std::shared_ptr<stage_subscription> subscription) override {
    if (subscription_ != nullptr) return subscription->cancel();  // rule 2.5
    subscription_ = std::move(subscription);
  }
  void on_next(const T& event) override {
    (*handler_)(event);
    if (--left_ == options_.min_demand) subscription_->request(missing());
  }
  void on_error(const std::exception_ptr& why) noexcept override { why_ = why; }
  void on_complete() noexcept override {}

  bool poll(duration turn, const std::stop_token& stop) {
    return subscription_->poll(left_ > options_.min_demand ? 0 : missing(), turn, stop);
  }
  [[nodiscard]] stage_subscription& subscription() { return *subscription_; }
  [[nodiscard]] const demand_options& options() const { return options_; }
  [[nodiscard]] const std::exception_ptr& why() const { return why_; }

 private:
  std::int64_t missing() { return options_.max_demand - std::exchange(left_, options_.max_demand); }

  Handler* handler_;
  demand_options options_;
  std::shared_ptr<stage_subscription> subscription_{};
  std::int64_t left_ = 0;
  std::exception_ptr why_{};
};

}  // namespace detail::stage

/// Handles the events of one or more producers, in the thread that runs it, and asks for more in time.
///
/// At most max_demand events are on their way from each producer; they stay in its source until they are handled.
/// \param handler  `handler(const T&)`; what it throws ends the subscription that the event came from, as a failure
template <typename T, typename Handler>
class consumer {
 public:
  explicit consumer(Handler handler) : handler_(std::move(handler)) {}  ///< Subscribes to nothing yet.
  consumer(const consumer&) = delete;
  consumer& operator=(const consumer&) = delete;
  ~consumer() {
    for (const auto& one : links_) one->subscription().cancel();
  }

  /// Before run(). \throws bad_input  when the demand is out of range
  template <Producer From>
  void subscribe_to(const From& producer, demand_options options = {}) {
    auto made = std::make_shared<link>(handler_, std::move(options));
    producer.subscribe(made);
    links_.push_back(std::move(made));
  }
  /// Handles events until a stop is requested, a producer ends whose mode says so, or none is left.
  /// \throws why a permanent or transient producer failed, what the handler threw included
  void run(const std::stop_token& stop = {}) {
    while (!links_.empty() && !stop.stop_requested())
      if (!poll_all(stop)) return;
  }

 private:
  using link = detail::stage::consumer_link<T, Handler>;

  // False when the consumer is to end.
  bool poll_all(const std::stop_token& stop) {
    const duration turn{100'000 / static_cast<std::int64_t>(links_.size())};
    for (std::size_t i = 0; i < links_.size() && !stop.stop_requested();) {
      const auto one = links_[i];
      if (one->poll(turn, stop)) {
        ++i;
        continue;
      }
      links_.erase(links_.begin() + static_cast<std::ptrdiff_t>(i));
      if (one->options().on_end) one->options().on_end(one->why());
      const auto mode = one->options().cancel;
      if (mode == cancel_mode::temporary) continue;
      if (one->why()) std::rethrow_exception(one->why());
      if (mode == cancel_mode::permanent) return false;
    }
    return true;
  }

  Handler handler_;
  std::vector<std::shared_ptr<link>> links_{};
};

/// consumer<T>(handler). \see consumer
template <typename T, typename Handler>
[[nodiscard]] auto make_consumer(Handler handler) {
  return consumer<T, Handler>(std::move(handler));
}

}  // namespace must

// SPDX-License-Identifier: MIT
// consumer: the last stage, which asks for as many events as it can take.
#pragma once

#include "must/delivery/stage/consumer_link.hpp"  // IWYU pragma: export
#include "must/delivery/stage/producer.hpp"
#include "must/delivery/stage/wait_for_any.hpp"
#include "must/timestamp.hpp"

#include <cstddef>
#include <exception>
#include <memory>
#include <stop_token>
#include <utility>
#include <vector>

namespace must {

/// Handles the events of one or more producers, in the thread that runs it, and asks for more in time.
///
/// At most demand_options::max_demand events are on their way from each producer, and they stay in its source until
/// they are handled. The handler is called as `handler(const T&)`. When it throws, the subscription that the event came
/// from ends as failed.
template <typename T, typename Handler>
class consumer {
 public:
  /// Makes a consumer without producers.
  explicit consumer(Handler handler) : handler_(std::move(handler)) {}
  consumer(const consumer&) = delete;
  consumer& operator=(const consumer&) = delete;
  ~consumer() {
    for (const auto& one : links_) one->cancel();
  }

  /// Adds a producer. It is called before run().
  /// \throws bad_input  when `max_demand` or `min_demand` is out of range
  template <Producer From>
  void subscribe_to(const From& producer, demand_options options = {}) {
    auto made = std::make_shared<link>(handler_, std::move(options));
    producer.subscribe(made);
    links_.push_back(std::move(made));
  }
  /// Handles events until a stop is requested, a producer ends whose cancel_mode says so, or no producer is left.
  /// \throws ...  what a permanent or transient producer failed with
  /// \throws ...  what the handler threw
  void run(const std::stop_token& stop = {}) {
    while (!links_.empty() && !stop.stop_requested())
      if (!poll_all(stop)) return;
  }

 private:
  using link = detail::stage::consumer_link<T, Handler>;

  static constexpr duration longest_wait{100'000};

  // Returns false when the consumer is to end. With one producer, its poll waits.
  bool poll_all(const std::stop_token& stop) {
    const auto turn = links_.size() == 1 ? longest_wait : duration{};
    if (links_.size() > 1) detail::stage::wait_for_any(links_, longest_wait, stop);
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

/// Makes a consumer of T, whose handler is deduced. \see consumer
template <typename T, typename Handler>
[[nodiscard]] auto make_consumer(Handler handler) {
  return consumer<T, Handler>(std::move(handler));
}

}  // namespace must

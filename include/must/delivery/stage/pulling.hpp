// SPDX-License-Identifier: MIT
// One subscriber and the source that is pulled for it. Its signals come one at a time, whichever threads ask.
#pragma once

#include "must/delivery/stage/flow.hpp"
#include "must/delivery/stage/source.hpp"
#include "must/detail/rest.hpp"
#include "must/error.hpp"
#include "must/timestamp.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <limits>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

namespace must::detail::stage {

template <Source From>
class pulling final : public stage_subscription, public std::enable_shared_from_this<pulling<From>> {
 public:
  using value_type = typename From::value_type;
  using subscriber = stage_subscriber<value_type>;

  // The subscriber is not owned. One that is destroyed has cancelled.
  static void subscribe(From from, const std::shared_ptr<subscriber>& to) {
    if (to == nullptr)
      raise({.code = error_code::bad_input, .message = "the subscriber is null", .field = "subscriber"});
    const auto made = std::make_shared<pulling>(std::move(from), to);
    made->begin(*to);
  }
  pulling(From from, const std::shared_ptr<subscriber>& to) : from_(std::move(from)), to_(to) {}

  void request(std::int64_t count) noexcept override {
    demand(count, 1);
    drive();
  }
  void cancel() noexcept override {
    cancelled_ = true;
    interrupted_ = true;
    drive();
  }
  bool poll(std::int64_t more, duration timeout, const std::stop_token& stop) noexcept override {
    const auto self = this->shared_from_this();
    demand(more, 0);
    if (work_.fetch_add(1) == 0) {
      const turn now{demand_, stop};
      step(now);
      if (!ended_ && is_idle_ && given_ < now.until && !interrupted_ && timeout > duration{}) rest(timeout, stop);
      work(now);
    }
    return !ended_;
  }
  bool wait(duration timeout, const std::stop_token& stop) noexcept override {
    const auto self = this->shared_from_this();
    if (work_.fetch_add(1) != 0) return true;
    const auto may_send = [&] { return !is_idle_ || interrupted_ || ended_; };
    bool rested = false;
    if (!may_send() && timeout > duration{}) rested = rest(timeout, stop);
    work(turn{0, stop});
    return rested || may_send();
  }

 private:
  static constexpr auto unbounded = std::numeric_limits<std::int64_t>::max();

  // The bounds of the work of one thread, before it lets others have a turn.
  struct turn {
    std::int64_t until = unbounded;
    std::stop_token stop{};
  };

  // The work that is counted from the start keeps what on_subscribe asks for until it has returned.
  void begin(subscriber& to) {
    const auto self = this->shared_from_this();
    try {
      to.on_subscribe(self);
    } catch (...) {
      fail(to, std::current_exception());
    }
    work();
  }
  // The thread that finds nobody at work does it all, and what others ask for meanwhile.
  void drive() noexcept {
    if (work_.fetch_add(1) != 0) return;
    const auto self = this->shared_from_this();
    work();
  }
  void work(const turn& now = {}) noexcept {
    for (std::int64_t done = 1; done != 0; done = work_.fetch_sub(done) - done) step(now);
  }
  void demand(std::int64_t count, std::int64_t least) noexcept {
    if (count < least) {
      std::int64_t none = 1;
      refused_.compare_exchange_strong(none, count);
      interrupted_ = true;
    } else {
      auto sum = demand_.load(std::memory_order_relaxed);
      while (!demand_.compare_exchange_weak(sum, count > unbounded - sum ? unbounded : sum + count)) {}
    }
  }
  [[nodiscard]] bool goes_on(const turn& now) const noexcept {
    return !interrupted_.load(std::memory_order_relaxed) && given_ < now.until &&
           given_ < demand_.load(std::memory_order_relaxed) && !now.stop.stop_requested();
  }
  void step(const turn& now) noexcept {
    if (!ended_) give(now);
    if (ended_) from_.reset();
  }
  void give(const turn& now) noexcept {
    const auto to = to_.lock();
    while (to != nullptr && goes_on(now)) {
      const auto state = pull(*to, now);
      is_idle_ = state == source_state::idle;
      if (is_idle_ || interrupted_) break;
      if (state == source_state::ended) {
        ended_ = true;
        return to->on_complete();
      }
    }
    if (to == nullptr || cancelled_)
      ended_ = true;
    else if (refused_ <= 0)
      fail(*to, refusal_of(refused_));
  }
  // What the subscriber throws passes through the source, which so knows that the event was not handled (rule 2.13).
  source_state pull(subscriber& to, const turn& now) noexcept {
    try {
      return from_->pull([&](const value_type& event) {
        ++given_;
        to.on_next(event);
        return goes_on(now);
      });
    } catch (...) {
      fail(to, std::current_exception());
      return source_state::more;
    }
  }
  // Returns whether it ended before the timeout, as far as a clock can tell.
  bool rest(duration timeout, const std::stop_token& stop) noexcept {
    try {
      const auto end = std::chrono::steady_clock::now() + bounded(timeout);
      from_->wait(timeout, stop);
      return !stop.stop_requested() && std::chrono::steady_clock::now() < end;
    } catch (...) {
      if (const auto to = to_.lock()) fail(*to, std::current_exception());
      return true;
    }
  }
  void fail(subscriber& to, const std::exception_ptr& why) noexcept {
    interrupted_ = true;
    if (!ended_.exchange(true)) to.on_error(why);
  }
  static std::exception_ptr refusal_of(std::int64_t count) {
    return std::make_exception_ptr(
        bad_input({.code = error_code::bad_input,
                   .message = "a demand of " + std::to_string(count) + " was requested; rule 3.9 asks for 1 or more",
                   .field = "count"}));
  }

  std::optional<From> from_;  // The source is there until the subscription has ended.
  std::weak_ptr<subscriber> to_;
  std::atomic<std::int64_t> work_{1};
  std::atomic<std::int64_t> demand_{0};   // The sum of all that was asked for.
  std::atomic<std::int64_t> refused_{1};  // The first demand that is no number of events.
  std::atomic<bool> interrupted_{false}, cancelled_{false}, ended_{false};
  std::int64_t given_ = 0;
  std::atomic<bool> is_idle_{false};
};

}  // namespace must::detail::stage

// SPDX-License-Identifier: MIT
// sure_span: until when nobody else can have taken the lease of a follower.
#pragma once

#include "must/config.hpp"  // IWYU pragma: keep

#include <atomic>
#include <chrono>

namespace must::detail::following {

// Several threads may ask while another one renews the span.
class sure_span {
 public:
  using clock = std::chrono::steady_clock;

  void renew(clock::time_point until) { until_ = until.time_since_epoch().count(); }
  void end() { until_ = 0; }
  // The time at which the span is over, in ticks of the clock. Asking costs a load.
  [[nodiscard]] clock::rep until() const { return until_.load(std::memory_order_relaxed); }
  // Returns whether the span still lasts. It costs a look at the clock.
  [[nodiscard]] bool lasts() const { return clock::now().time_since_epoch().count() < until(); }

 private:
  std::atomic<clock::rep> until_{0};
};

// Asks a span before each event of a read, on one thread. Looks at the clock are dear beside a fast handler: while
// events are fast, one look serves a few events, which are over long before the span is.
class sure_stretch {
 public:
  // A read that may block between two events takes one event a look.
  sure_stretch(const sure_span& span, unsigned events_per_look) : span_(&span), events_(events_per_look) {}

  void begin_read() { left_ = 0; }
  [[nodiscard]] bool lasts() {
    const auto until = span_->until();
    if (left_ > 0 && until == until_) {
      --left_;
      return true;
    }
    const auto now = sure_span::clock::now();
    const bool is_fast = now - looked_ < fast;
    const auto ticks = now.time_since_epoch();
    looked_ = now;
    until_ = until;
    left_ = is_fast && (ticks + margin).count() < until ? events_ - 1 : 0;
    return ticks.count() < until;
  }

 private:
  static constexpr std::chrono::milliseconds fast{1}, margin{100};
  const sure_span* span_;
  unsigned events_;
  sure_span::clock::time_point looked_{};
  sure_span::clock::rep until_ = 0;
  unsigned left_ = 0;
};

}  // namespace must::detail::following

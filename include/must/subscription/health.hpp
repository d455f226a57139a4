// SPDX-License-Identifier: MIT
// Computes the health of a subscription.
#pragma once

#include "must/query.hpp"
#include "must/storage.hpp"
#include "must/subscription/options.hpp"
#include "must/subscription/progress.hpp"

#include <algorithm>
#include <cstdint>

namespace must::detail::following {

template <Storage S>
subscription_health health_of(S& storage, const query& which, const subscription_options& options,
                              const progress& counters) {
  subscription_health now{.running = counters.running,
                          .scanned = counters.scanned(),
                          .saved = counters.saved,
                          .in_flight = counters.in_flight,
                          .handled = counters.handled,
                          .retries = counters.retries,
                          .skipped = counters.skipped,
                          .parked = counters.parked(),
                          .waiting_behind = counters.waiting_behind(),
                          .last_error = counters.last_error()};
  const auto head = storage.head();
  now.lag = head - std::min(head, now.scanned);
  static_cast<void>(storage.read(which, {.after = now.scanned, .limit = 1}, [&](const auto& next) {
    const auto age = storage.origin().clock->now().microseconds - next.recorded_at.microseconds;
    now.behind = duration{std::max<std::int64_t>(age, 0)};
    now.stalled = counters.idle_for() >= options.stalled_after;
  }));
  return now;
}

}  // namespace must::detail::following

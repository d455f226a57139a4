// SPDX-License-Identifier: MIT
// The lease of a follower: how long its owner may be sure of it, and when another process may take it.
#pragma once

#include "must/subscription/fenced_cell.hpp"
#include "must/subscription/sure_span.hpp"
#include "must/timestamp.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

namespace must::detail::following {

// The lease that this process holds. Any thread may ask, and one at a time may renew.
class own_lease {
 public:
  using clock = std::chrono::steady_clock;

  explicit own_lease(duration span) : span_(span.microseconds) {}

  // Notes that a write that was begun then has reached the store. Nobody takes the lease before its span has passed
  // since.
  void renew(clock::time_point begun) {
    renewed_ = begun;
    sure_.renew(begun + span_);
  }
  // Notes that another process has it.
  void lose() {
    lost_ = true;
    sure_.end();
  }
  [[nodiscard]] bool is_lost() const { return lost_; }
  // Returns until when nobody else can have taken the lease.
  [[nodiscard]] const sure_span& sure() const { return sure_; }
  // Returns whether a third of the span has passed. Only the thread that renews asks.
  [[nodiscard]] bool is_due() const { return clock::now() - renewed_ >= span_ / 3; }

 private:
  std::chrono::microseconds span_;
  clock::time_point renewed_{};
  sure_span sure_{};
  std::atomic<bool> lost_{false};
};

// Judges whether the lease of another process is over, by a clock of this process: its cell has stood still for its
// span.
class lease_watch {
 public:
  using clock = std::chrono::steady_clock;

  // Looks at the cell of a lease. Returns whether nobody holds it.
  bool is_over(std::uint64_t revision, const ownership& by) {
    const auto now = clock::now();
    const bool is_free = by.owner.empty();
    has_moved_ = !is_free && watched_ != 0 && revision != watched_;
    if (revision != watched_) since_ = now;
    watched_ = is_free ? 0 : revision;
    return is_free || now - since_ >= std::chrono::microseconds(by.lease);
  }
  // Returns whether the owner has written since the look before.
  [[nodiscard]] bool has_moved() const { return has_moved_; }
  // Begins anew, since another process was faster.
  void forget() { watched_ = 0; }
  // Returns the time until the next look.
  [[nodiscard]] static duration pause(const ownership& by) {
    return duration{std::clamp<std::int64_t>(by.lease / 20, 1'000, 200'000)};
  }

 private:
  std::uint64_t watched_ = 0;
  clock::time_point since_{};
  bool has_moved_ = false;
};

}  // namespace must::detail::following

// SPDX-License-Identifier: MIT
// What a process knows of the manifest, and for how long it may trust the keys of the log because of that.
#pragma once

#include "must/detail/rest.hpp"
#include "must/fwd.hpp"
#include "must/storage/durable/manifest.hpp"

#include <time.h>
#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace must::detail::durable {

// Microseconds of a clock that nobody sets, and that runs on while the machine sleeps.
[[nodiscard]] inline std::int64_t running_microseconds() {
  ::timespec now{};
#if defined(CLOCK_BOOTTIME)
  ::clock_gettime(CLOCK_BOOTTIME, &now);
#else
  ::clock_gettime(CLOCK_MONOTONIC, &now);
#endif
  return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1'000;
}

// A key of the log that was removed can be put again, by a writer that has slept since before. So no key is removed
// within `grace` of the time at which a manifest has said that it may be. What is put or read within `grace` of a look
// that proves that the key may not be removed is what it seems. After that the manifest is looked at again: a key below
// its floor counts for nothing. Any number of threads may use one.
class known_manifest {
 public:
  // A manifest as it is stored.
  struct stored {
    manifest content{};
    std::string etag{};
  };
  using shared = std::shared_ptr<const stored>;

  [[nodiscard]] shared get() const {
    const std::lock_guard lock(mutex_);
    return known_;
  }
  // Takes a manifest that was looked at between `began` and now, unless a later one is known.
  void set(shared found, std::int64_t began) {
    const std::lock_guard lock(mutex_);
    if (known_ && known_->content.revision > found->content.revision) return;
    if (known_ && known_->content.revision == found->content.revision) began = std::max(began, looked_);
    const auto floor = found->content.floor;
    if (!known_ || known_->content.floor < floor) floors_.push_back({floor, running_microseconds()});
    known_ = std::move(found);
    looked_ = began;
  }
  // Notes that no commit began at a position, nor above, at some time after `began`.
  void note_end(position at, std::int64_t began) {
    const std::lock_guard lock(mutex_);
    if (began < end_looked_) return;
    end_ = at;
    end_looked_ = began;
  }
  // Returns whether the key of a position was not removed up to now, by all that is known.
  [[nodiscard]] bool is_kept(position at) const {
    const std::lock_guard lock(mutex_);
    const auto grace = bounded(known_->content.grace).count();
    const auto now = running_microseconds();
    return (at >= known_->content.floor && now - looked_ < grace) || (at >= end_ && now - end_looked_ < grace);
  }
  // Returns the highest floor below which keys may be removed now, and the time until the same holds for the floor that
  // is known.
  struct removable {
    position below = 0;
    duration wait{};
  };
  [[nodiscard]] removable may_remove() {
    const std::lock_guard lock(mutex_);
    const auto grace = bounded(known_->content.grace).count();
    const auto all = grace + grace / 8;  // Clocks do not run at quite the same speed.
    const auto now = running_microseconds();
    removable found;
    for (const auto& one : floors_)
      if (now - one.known_at >= all) found.below = one.floor;
    if (found.below < floors_.back().floor) found.wait = duration(floors_.back().known_at + all - now);
    while (floors_.size() > 1 && floors_[1].floor <= found.below) floors_.erase(floors_.begin());
    return found;
  }

 private:
  struct known_floor {
    position floor;
    std::int64_t known_at;
  };
  mutable std::mutex mutex_{};
  shared known_{};
  std::int64_t looked_ = 0;
  position end_ = 0;
  std::int64_t end_looked_ = INT64_MIN / 2;
  std::vector<known_floor> floors_{};
};

}  // namespace must::detail::durable

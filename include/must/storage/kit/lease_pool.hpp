// SPDX-License-Identifier: MIT
// Resources that threads share. They are made when they are needed, bounded, and given back or thrown away.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace must::kit {

/// A `Reusable` that lets every resource be used again.
struct always_reusable {
  /// Returns true.
  template <typename R>
  bool operator()(R&) const noexcept {
    return true;
  }
};

/// A pool of connections, pages or handles, each of which one thread uses at a time. Any number of threads may use a
/// pool.
///
/// The pool outlives its leases. `Reusable` is called with a resource that is given back, and returns whether the pool
/// keeps it. It does not throw.
template <typename R, typename Reusable = always_reusable>
class lease_pool {
 public:
  /// A resource on loan. It goes back to the pool when the lease ends.
  class lease {
   public:
    /// Holds a resource of a pool.
    lease(lease_pool& from, std::unique_ptr<R> held) noexcept : from_(&from), held_(std::move(held)) {}
    /// Takes the resource of the other.
    lease(lease&& other) noexcept = default;
    lease& operator=(lease&&) = delete;
    ~lease() {
      if (held_ != nullptr) from_->give_back(std::move(held_));
    }
    R& operator*() const noexcept { return *held_; }        ///< The resource.
    R* operator->() const noexcept { return held_.get(); }  ///< The resource.

   private:
    lease_pool* from_;
    std::unique_ptr<R> held_;
  };

  /// Makes an empty pool.
  /// \param most       the highest number of resources on loan at once. 0 is taken as 1.
  /// \param most_idle  the highest number of resources that are kept while no thread uses them
  explicit lease_pool(std::size_t most, std::size_t most_idle) : most_(std::max<std::size_t>(most, 1)) {
    constexpr std::size_t sane = 1'024;
    most_idle_ = std::min(most_idle, sane);
    idle_.reserve(most_idle_);  // The reserve keeps giving back from failing.
  }

  /// Takes a resource that is idle, or else one that `make()` returns as a std::unique_ptr<R>. Waits while `most` are
  /// on loan. Returns nothing when none was given back before the deadline. What `make` throws passes through.
  template <typename Make>
  [[nodiscard]] std::optional<lease> take(std::chrono::steady_clock::time_point deadline, Make&& make) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_until(lock, deadline, [&] { return taken_ < most_; })) return std::nullopt;
    return taken(lock, make);
  }
  /// Takes a resource, and waits as long as it takes.
  template <typename Make>
  [[nodiscard]] lease take(Make&& make) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return taken_ < most_; });
    return taken(lock, make);
  }
  /// Ends the idle resources.
  void forget_idle() {
    std::vector<std::unique_ptr<R>> ending;
    ending.reserve(most_idle_);
    const std::lock_guard lock(mutex_);
    ending.swap(idle_);
  }

 private:
  template <typename Make>
  lease taken(std::unique_lock<std::mutex>& lock, Make&& make) {
    ++taken_;
    if (!idle_.empty()) {
      auto one = std::move(idle_.back());
      idle_.pop_back();
      return {*this, std::move(one)};
    }
    lock.unlock();
    try {
      return {*this, make()};
    } catch (...) {
      give_back(nullptr);
      throw;
    }
  }
  // A resource that is not kept ends outside of the lock.
  void give_back(std::unique_ptr<R> one) noexcept {
    if (one != nullptr && !Reusable{}(*one)) one.reset();
    {
      const std::lock_guard lock(mutex_);
      --taken_;
      if (one != nullptr && idle_.size() < most_idle_) idle_.push_back(std::move(one));
    }
    changed_.notify_one();
  }

  std::size_t most_, most_idle_ = 0;
  std::mutex mutex_{};
  std::condition_variable changed_{};
  std::vector<std::unique_ptr<R>> idle_{};
  std::size_t taken_ = 0;
};

}  // namespace must::kit

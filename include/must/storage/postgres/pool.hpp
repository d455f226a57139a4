// SPDX-License-Identifier: MIT
// Connections that threads share: made when they are needed, given back clean or thrown away.
#pragma once

#include "must/storage/postgres/connection.hpp"
#include "must/storage/postgres/failure.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace must::detail::postgres {

class pg_pool {
 public:
  // `timeout`: of each statement, for the server.
  pg_pool(std::string conninfo, std::size_t most, bool pooled, std::chrono::milliseconds timeout)
      : conninfo_(std::move(conninfo)), most_(most == 0 ? 1 : most), timeout_(timeout), pooled_(pooled) {}

  // A connection on loan. One that is not usable any more does not go back.
  class lease {
   public:
    lease(pg_pool& pool, std::unique_ptr<pg_connection> connection)
        : pool_(&pool), connection_(std::move(connection)) {}
    lease(lease&& other) noexcept = default;
    lease& operator=(lease&&) = delete;
    ~lease() {
      if (connection_ != nullptr) pool_->give_back(std::move(connection_));
    }
    // Closes it: it is not to go back.
    void drop() { connection_->close(); }
    pg_connection* operator->() const noexcept { return connection_.get(); }
    pg_connection& operator*() const noexcept { return *connection_; }

   private:
    pg_pool* pool_;
    std::unique_ptr<pg_connection> connection_;
  };

  // Throws pg_failure: no connection was free before the deadline, or none could be made.
  lease take(pg_clock::time_point deadline) {
    {
      std::unique_lock lock(mutex_);
      if (!changed_.wait_until(lock, deadline, [&] { return !idle_.empty() || taken_ < most_; })) {
        auto none = deadline_passed("while waiting for a free connection");
        none.lost = false;
        throw none;
      }
      ++taken_;
      if (!idle_.empty()) {
        auto connection = std::move(idle_.back());
        idle_.pop_back();
        return {*this, std::move(connection)};
      }
    }
    try {
      return {*this, connect(deadline)};
    } catch (...) {
      give_back(nullptr);
      throw;
    }
  }
  // One that the pool does not count.
  [[nodiscard]] std::unique_ptr<pg_connection> connect(pg_clock::time_point deadline) const {
    return std::make_unique<pg_connection>(conninfo_, pooled_, timeout_, deadline);
  }
  // From now on no session keeps anything: a pooler was found that tells us nothing of itself.
  void keep_no_state() { pooled_ = true; }
  // Closes what is idle: after one connection was lost, the others are suspect.
  void forget_idle() {
    std::vector<std::unique_ptr<pg_connection>> closing;
    const std::lock_guard lock(mutex_);
    closing.swap(idle_);
  }

 private:
  void give_back(std::unique_ptr<pg_connection> connection) {
    if (connection != nullptr && !connection->usable()) connection.reset();
    {
      const std::lock_guard lock(mutex_);
      --taken_;
      if (connection != nullptr) idle_.push_back(std::move(connection));
    }
    changed_.notify_one();
  }

  std::string conninfo_;
  std::size_t most_;
  std::chrono::milliseconds timeout_;
  std::atomic<bool> pooled_;
  std::mutex mutex_{};
  std::condition_variable changed_{};
  std::vector<std::unique_ptr<pg_connection>> idle_{};
  std::size_t taken_ = 0;
};

}  // namespace must::detail::postgres

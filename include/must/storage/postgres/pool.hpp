// SPDX-License-Identifier: MIT
// Connections that threads share: made when they are needed, given back clean or thrown away.
#pragma once

#include "must/storage/kit/lease_pool.hpp"
#include "must/storage/postgres/connection.hpp"
#include "must/storage/postgres/failure.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

namespace must::detail::postgres {

// Says which connections go back.
struct is_usable {
  bool operator()(pg_connection& one) const noexcept { return one.usable(); }
};

class pg_pool {
 public:
  // `timeout`: of each statement, for the server.
  pg_pool(std::string conninfo, std::size_t most, bool pooled, std::chrono::milliseconds timeout)
      : conninfo_(std::move(conninfo)), timeout_(timeout), pooled_(pooled), connections_(most, most) {}

  using lease = kit::lease_pool<pg_connection, is_usable>::lease;

  // A connection on loan. Throws pg_failure: none was free before the deadline, or none could be made.
  lease take(pg_clock::time_point deadline) {
    if (auto taken = connections_.take(deadline, [&] { return connect(deadline); })) return *std::move(taken);
    auto none = deadline_passed("while waiting for a free connection");
    none.lost = false;
    throw none;
  }
  // One that the pool does not count.
  [[nodiscard]] std::unique_ptr<pg_connection> connect(pg_clock::time_point deadline) const {
    return std::make_unique<pg_connection>(conninfo_, pooled_, timeout_, deadline);
  }
  // From now on no session keeps anything: a pooler was found that tells us nothing of itself.
  void keep_no_state() { pooled_ = true; }
  // Closes what is idle: after one connection was lost, the others are suspect.
  void forget_idle() { connections_.forget_idle(); }

 private:
  std::string conninfo_;
  std::chrono::milliseconds timeout_;
  std::atomic<bool> pooled_;
  kit::lease_pool<pg_connection, is_usable> connections_;
};

}  // namespace must::detail::postgres

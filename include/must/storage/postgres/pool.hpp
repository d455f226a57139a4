// SPDX-License-Identifier: MIT
// Connections that threads share. They are made when they are needed, and given back clean or thrown away.
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

// Decides which connections go back into the pool.
struct is_usable {
  bool operator()(pg_connection& one) const noexcept { return one.usable(); }
};

class pg_pool {
 public:
  // `timeout` is the time that the server gives each statement.
  pg_pool(std::string conninfo, std::size_t most, bool pooled, std::chrono::milliseconds timeout)
      : conninfo_(std::move(conninfo)), timeout_(timeout), pooled_(pooled), connections_(most, most) {}

  using lease = kit::lease_pool<pg_connection, is_usable>::lease;

  // Lends a connection. Throws pg_failure when none was free before the deadline, or none could be made.
  lease take(pg_clock::time_point deadline) {
    if (auto taken = connections_.take(deadline, [&] { return connect(deadline); })) return *std::move(taken);
    auto none = deadline_passed("while waiting for a free connection");
    none.lost = false;
    throw none;
  }
  // Makes a connection that the pool does not count.
  [[nodiscard]] std::unique_ptr<pg_connection> connect(pg_clock::time_point deadline) const {
    return std::make_unique<pg_connection>(conninfo_, pooled_, timeout_, deadline);
  }
  // Keeps no state in sessions from now on. It is called when a pooler was found that tells nothing of itself.
  void keep_no_state() { pooled_ = true; }
  // Closes idle connections. After one connection was lost, the others are suspect.
  void forget_idle() { connections_.forget_idle(); }

 private:
  std::string conninfo_;
  std::chrono::milliseconds timeout_;
  std::atomic<bool> pooled_;
  kit::lease_pool<pg_connection, is_usable> connections_;
};

}  // namespace must::detail::postgres

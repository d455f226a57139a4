// SPDX-License-Identifier: MIT
// Waits for new events. NOTIFY on a connection of its own wakes it, and polling beside that.
#pragma once

#include "libpq-fe.h"
#include "must/fwd.hpp"
#include "must/storage/kit/wake_up.hpp"
#include "must/storage/postgres/connection.hpp"
#include "must/storage/postgres/failure.hpp"
#include "must/storage/postgres/parameters.hpp"
#include "must/storage/postgres/pool.hpp"
#include "must/timestamp.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

namespace must::detail::postgres {

class pg_listener {
 public:
  // `head_sql` selects the last position, and `every` is the time between polls.
  pg_listener(const pg_pool& pool, std::string channel, std::string head_sql, std::chrono::microseconds every)
      : pool_(pool),
        channel_(std::move(channel)),
        head_sql_(std::move(head_sql)),
        every_(std::max(every, std::chrono::microseconds(1'000))) {}
  pg_listener(const pg_listener&) = delete;
  pg_listener& operator=(const pg_listener&) = delete;
  ~pg_listener() {
    thread_.request_stop();
    nudge();
    if (thread_.joinable()) thread_.join();
    for (const int end : pipe_)
      if (end >= 0) ::close(end);
  }

  // Tells it that the head is at this position or beyond.
  void saw(position at) { wake_up_.publish(at); }
  // Returns whether notifications arrive. When they do not, it only polls.
  [[nodiscard]] bool listening() const noexcept { return listening_; }

  template <typename Head>
  bool wait(position until, duration timeout, const std::stop_token& stop, Head&& head) {
    start();
    return wake_up_.wait(until, timeout, duration(longest_span), stop, [&] {
      nudge();
      return head();
    });
  }
  void start() {
    const std::lock_guard lock(mutex_);
    if (thread_.joinable()) return;
    if (pipe_[0] < 0 && ::pipe2(pipe_, O_CLOEXEC | O_NONBLOCK) != 0)
      throw pg_failure{pg_error("no pipe can be made to wait with", "58000", true), false};
    thread_ = std::jthread([this](const std::stop_token& stop) { follow(stop); });
  }

 private:
  // This is the longest time for one statement, or for one attempt to connect.
  static constexpr auto patience = std::chrono::seconds(5);

  void nudge() {
    if (pipe_[1] >= 0) static_cast<void>(!::write(pipe_[1], "", 1));
  }
  void drain() {
    char bytes[64];
    while (::read(pipe_[0], bytes, sizeof bytes) > 0) {}
  }
  void follow(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      try {
        const auto connection = pool_.connect(pg_clock::now() + patience);
        listen_on(*connection, stop);
      } catch (const pg_failure&) {
      } catch (const std::exception&) {}  // The next attempt follows, and polls go on meanwhile.
      listening_ = false;
      rest(stop);
    }
  }
  // Pauses before the next attempt.
  void rest(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    resting_.wait_for(lock, stop, std::max<std::chrono::microseconds>(every_, std::chrono::milliseconds(100)),
                      [] { return false; });
  }
  void listen_on(pg_connection& connection, const std::stop_token& stop) {
    listening_ = hears(connection);
    for (auto due = pg_clock::now(); !stop.stop_requested();) {
      if (wake_up_.is_awaited() && pg_clock::now() >= due) {
        poll(connection);
        due = pg_clock::now() + every_;
      }
      connection.await_input(pipe_[0], wake_up_.is_awaited() ? due : pg_clock::now() + std::chrono::seconds(30));
      drain();
      if (PQconsumeInput(connection.handle()) == 0) return;
      while (auto* told = PQnotifies(connection.handle())) {
        saw(std::strtoull(told->extra, nullptr, 10));
        PQfreemem(told);
      }
    }
  }
  // Returns whether the session is told of commits. A standby tells nobody.
  bool hears(pg_connection& connection) const {
    if (connection.pooled() || channel_.empty()) return false;
    try {
      connection.run("LISTEN " + channel_, pg_clock::now() + patience);
    } catch (const pg_failure& failure) {
      if (failure.lost) throw;
      return false;
    }
    return true;
  }
  void poll(pg_connection& connection) {
    const pg_parameters none;
    saw(connection.call({head_sql_, &none, true}, pg_clock::now() + patience).number(0, 0));
  }

  const pg_pool& pool_;
  std::string channel_, head_sql_;
  std::chrono::microseconds every_;
  std::atomic<bool> listening_{false};
  std::mutex mutex_{};
  kit::wake_up wake_up_{};
  std::condition_variable_any resting_{};
  int pipe_[2] = {-1, -1};
  std::jthread thread_{};
};

}  // namespace must::detail::postgres

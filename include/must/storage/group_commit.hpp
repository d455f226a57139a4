// SPDX-License-Identifier: MIT
// group_commit: threads that append at the same time share one commit.
#pragma once

#include "must/detail/current_error.hpp"
#include "must/detail/decorator.hpp"
#include "must/error.hpp"
#include "must/matching.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/result.hpp"
#include "must/storage.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace must {

/// How large a commit may become. What is larger by itself is committed alone.
struct group_commit_options {
  std::size_t events = 10'000;                 ///< in all appends of one commit, 1 or more
  std::size_t bytes = std::size_t{16} << 20U;  ///< of payloads in all appends of one commit
};

/// Lets threads that append at the same time share one commit of a BatchStorage, which it does not own.
///
/// The first thread to come commits for all that wait, once; then the next leads. No thread of its own. Each append
/// keeps its own condition, evaluated in the order of arrival, its own result and its own error, and none returns
/// before its commit. A thread that is alone calls storage.append. Everything else is handed on: append_with and
/// put_with run in a transaction of their own, shared with nobody.
/// \throws what storage.append throws; all that share a commit get the error of one that failed as a whole
template <BatchStorage S>
class group_commit : public detail::decorator<S> {
  using base = detail::decorator<S>;

 public:
  using typename base::data_type;
  using typename base::event;

  /// Shares nothing yet.
  explicit group_commit(S& storage, group_commit_options options = {}) : base(storage), options_(options) {}
  group_commit(const group_commit&) = delete;
  group_commit& operator=(const group_commit&) = delete;

  /// \see Storage
  append_result append(std::span<event> events, const append_condition& condition) {
    if constexpr (detail::has_limits<S>) check_append(std::span<const event>(events), condition, this->limits());
    const auto mine = std::make_shared<entry>(events, condition);
    if (!join(mine)) mine->turn.wait(turn::later, std::memory_order_acquire);
    if (mine->turn.load(std::memory_order_acquire) != turn::over) lead();
    if (mine->failure) std::rethrow_exception(mine->failure);
    if (!*mine->outcome) raise(std::move(mine->outcome->error()));
    return **std::move(mine->outcome);
  }

  /// How many appends wait for a commit that has not begun.
  [[nodiscard]] std::size_t waiting() const { return waiting_.load(std::memory_order_relaxed); }

 private:
  enum class turn : int { later, now, over };

  // An append that waits for its commit, or for its turn to lead.
  struct entry {
    entry(std::span<event> what, const append_condition& under) : events(what), condition(&under) {}

    // The last that is done to one, as its thread may go on.
    void wake(enum turn now) {
      turn.store(now, std::memory_order_release);
      turn.notify_one();
    }
    [[nodiscard]] std::size_t bytes() const {
      std::size_t sum = 0;
      if constexpr (std::is_same_v<data_type, payload>)
        for (const auto& one : events) sum += one.data.bytes().size();
      return sum;
    }

    std::span<event> events;
    const append_condition* condition;
    std::optional<result<append_result>> outcome{};
    std::exception_ptr failure{};  // of one that is alone: its thread is the one that caught it
    std::atomic<enum turn> turn{group_commit::turn::later};
    std::shared_ptr<entry> next{};
  };

  // Whether the newcomer leads.
  bool join(const std::shared_ptr<entry>& newcomer) {
    const std::lock_guard lock(mutex_);
    (last_ == nullptr ? first_ : last_->next) = newcomer;
    last_ = newcomer.get();
    ++waiting_;
    return !std::exchange(led_, true);
  }

  // Commits what waits, as much as fits; then it is the turn of the first that is left. The leader's own comes first.
  void lead() {
    gather();
    const auto begin = std::chrono::steady_clock::now();
    std::size_t count = 0;
    auto shared = take(count);
    commit(*shared, count);
    last_count_ = count;
    last_time_ = std::chrono::steady_clock::now() - begin;
    if (const auto next = next_leader()) next->wake(turn::now);
    while (shared) {
      const auto one = std::exchange(shared, std::move(shared->next));
      one->wake(turn::over);
    }
  }
  // Those that shared the last commit come again soon: waits for as many, for a part of what that commit took.
  void gather() const {
    if (last_count_ < 2) return;
    const auto end = std::chrono::steady_clock::now() + last_time_ / 8;
    while (waiting() < last_count_ && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  }
  std::shared_ptr<entry> take(std::size_t& count) {
    const std::lock_guard lock(mutex_);
    auto taken = std::move(first_);
    auto* last = taken.get();
    auto events = last->events.size();
    auto bytes = last->bytes();
    for (count = 1; last->next; ++count) {
      events += last->next->events.size();
      bytes += last->next->bytes();
      if (events > options_.events || bytes > options_.bytes) break;
      last = last->next.get();
    }
    first_ = std::move(last->next);
    if (!first_) last_ = nullptr;
    waiting_ -= count;
    return taken;
  }
  std::shared_ptr<entry> next_leader() {
    const std::lock_guard lock(mutex_);
    led_ = first_ != nullptr;
    return first_;
  }

  void commit(entry& shared, std::size_t count) noexcept {
    try {
      if (count == 1) {
        shared.outcome = this->storage().append(shared.events, *shared.condition);
        return;
      }
      std::vector<batch_item<data_type>> items;
      items.reserve(count);
      for (const auto* one = &shared; one != nullptr; one = one->next.get())
        items.push_back({one->events, *one->condition});
      auto results = this->storage().append_batch(items);
      std::size_t i = 0;
      for (auto* one = &shared; one != nullptr; one = one->next.get()) one->outcome = std::move(results.at(i++));
    } catch (...) {
      if (count == 1) {
        shared.failure = std::current_exception();
        return;
      }
      const auto why = detail::current_error("append");
      for (auto* one = &shared; one != nullptr; one = one->next.get()) one->outcome = unexpected<error>(why);
    }
  }

  group_commit_options options_;
  std::mutex mutex_{};
  std::shared_ptr<entry> first_{};  // of those that wait, in the order of their coming
  entry* last_ = nullptr;
  std::atomic<std::size_t> waiting_{0};
  std::size_t last_count_ = 0;  // of the last commit, and what it took; for who leads
  std::chrono::steady_clock::duration last_time_{};
  bool led_ = false;  // whether a thread commits, or is woken to do so
};

}  // namespace must

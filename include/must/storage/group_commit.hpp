// SPDX-License-Identifier: MIT
// group_commit: threads that append at the same time share one commit.
#pragma once

#include "must/detail/current_error.hpp"
#include "must/error.hpp"
#include "must/query.hpp"
#include "must/result.hpp"
#include "must/storage.hpp"
#include "must/storage/abilities.hpp"
#include "must/storage/kit/decorator.hpp"
#include "must/storage/kit/validate.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <exception>
#include <latch>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <utility>
#include <vector>

namespace must {

/// How large a commit may become. An append that is larger by itself is committed alone.
struct group_commit_options {
  std::size_t events = 10'000;                 ///< The number of events of all appends of one commit, 1 or more.
  std::size_t bytes = std::size_t{16} << 20U;  ///< The bytes of all appends of one commit. \see kit::event_bytes
};

/// Lets threads that append at the same time share one commit of a BatchStorage, which it does not own.
///
/// The first thread that comes commits once for all that wait, so that there is no thread in the background. Each
/// append keeps its condition, its result and its error, and none returns before its commit. Conditions are checked in
/// the order of arrival. Before it commits, the first thread waits for as many as shared the last commit, but at the
/// most a quarter of the time that the last commit took. A thread that is alone appends at once. append_with and
/// put_with share their transactions with nobody.
/// \throws ...  what the append of the store throws. A commit that fails as a whole fails for all that share it.
/// \throws std::bad_alloc  when there is no memory for the error of such a commit
template <BatchStorage S>
class group_commit : public kit::decorator<S> {
  using base = kit::decorator<S>;

 public:
  using typename base::data_type;
  using typename base::event;

  /// Lets threads share the commits of a store. The store outlives this object.
  explicit group_commit(S& storage, group_commit_options options = {}) : base(storage), options_(options) {}
  group_commit(const group_commit&) = delete;
  group_commit& operator=(const group_commit&) = delete;

  /// Appends events in a commit that other threads may share. \see Storage
  append_result append(std::span<event> events, const append_condition& condition) {
    if constexpr (LimitedStorage<S>) kit::check_append(std::span<const event>(events), condition, this->limits());
    entry mine{events, &condition};
    const auto [shared, leads] = join(mine);
    if (leads)
      lead(*shared);
    else
      shared->over.wait();
    if (mine.failure) std::rethrow_exception(mine.failure);
    if (!*mine.outcome) raise(std::move(mine.outcome->error()));
    return **std::move(mine.outcome);
  }

  /// Returns the number of appends that wait for a commit that has not begun.
  [[nodiscard]] std::size_t waiting() const { return waiting_.load(std::memory_order_relaxed); }

 private:
  // An append, on the stack of its thread.
  struct entry {
    [[nodiscard]] std::size_t bytes() const {
      std::size_t sum = 0;
      for (const auto& one : events) sum += kit::event_bytes(one);
      return sum;
    }

    std::span<event> events;
    const append_condition* condition;
    std::optional<result<append_result>> outcome{};
    std::exception_ptr failure{};  // Holds what an append that is alone has thrown, or std::bad_alloc.
  };
  // Appends that share a commit. The thread of the first leads: it waits for its turn, and the others for their commit.
  struct group {
    explicit group(entry& first) : entries{&first} {}

    std::vector<entry*> entries;
    std::size_t events = 0, bytes = 0;
    std::latch turn{1}, over{1};
  };

  // Returns the group that the newcomer is in, and whether the newcomer leads it.
  std::pair<std::shared_ptr<group>, bool> join(entry& newcomer) {
    const auto events = newcomer.events.size(), bytes = newcomer.bytes();
    const auto fits = [&](const group& in) {
      return in.events + events <= options_.events && in.bytes + bytes <= options_.bytes;
    };
    const std::lock_guard lock(mutex_);
    const bool leads = groups_.empty() || !fits(*groups_.back());
    if (leads)
      groups_.push_back(std::make_shared<group>(newcomer));
    else
      groups_.back()->entries.push_back(&newcomer);
    auto& in = *groups_.back();
    in.events += events;
    in.bytes += bytes;
    ++waiting_;
    if (!std::exchange(led_, true)) in.turn.count_down();
    return {groups_.back(), leads};
  }

  // Commits for a group, which nobody joins from then on. Then it is the turn of the next group.
  void lead(group& mine) {
    mine.turn.wait();
    gather();
    const auto begin = std::chrono::steady_clock::now();
    close(mine);
    commit(mine.entries);
    last_time_ = std::chrono::steady_clock::now() - begin;
    if (const auto next = next_group()) next->turn.count_down();
    mine.over.count_down();
  }
  // Threads that shared the last commit soon come again. This waits for as many, for a part of the time it took.
  void gather() const {
    if (last_count_ < 2) return;
    const auto end = std::chrono::steady_clock::now() + last_time_ / 4;
    while (waiting() < last_count_ && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  }
  void close(const group& mine) {
    const std::lock_guard lock(mutex_);
    groups_.pop_front();
    last_count_ = mine.entries.size();
    waiting_ -= last_count_;
  }
  std::shared_ptr<group> next_group() {
    const std::lock_guard lock(mutex_);
    led_ = !groups_.empty();
    return led_ ? groups_.front() : nullptr;
  }

  void commit(std::span<entry* const> all) noexcept {
    try {
      if (all.size() == 1) {
        all.front()->outcome = this->storage().append(all.front()->events, *all.front()->condition);
        return;
      }
      std::vector<batch_item<data_type>> items;
      items.reserve(all.size());
      for (const auto* one : all) items.push_back({one->events, *one->condition});
      auto results = this->storage().append_batch(items);
      for (std::size_t i = 0; i < all.size(); ++i) all[i]->outcome = std::move(results.at(i));
    } catch (...) {
      if (all.size() == 1)
        all.front()->failure = std::current_exception();
      else
        for (auto* one : all) fail(*one);
    }
  }
  // Gives each append the exception that is being handled, or std::bad_alloc when there is no memory for it.
  static void fail(entry& one) noexcept {
    try {
      one.outcome = unexpected<error>(detail::current_error("append"));
    } catch (...) {
      one.failure = std::current_exception();
    }
  }

  group_commit_options options_;
  std::mutex mutex_{};
  std::deque<std::shared_ptr<group>> groups_{};  // The groups that wait. Only the newest may be joined.
  bool led_ = false;                             // Whether a group commits, or has its turn.
  std::atomic<std::size_t> waiting_{0};
  std::size_t last_count_ = 0;  // The number of appends of the last commit, for the thread that leads.
  std::chrono::steady_clock::duration last_time_{};
};

}  // namespace must

// SPDX-License-Identifier: MIT
// shared_commit: threads that append at the same time share one commit, whatever a store does to commit.
#pragma once

#include "must/detail/at_exit.hpp"
#include "must/detail/current_error.hpp"
#include "must/error.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/result.hpp"
#include "must/storage/kit/turn_queue.hpp"
#include "must/storage/kit/validate.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <latch>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace must::kit {

/// What an append brings to a commit, or the most that a commit holds. \see event_bytes
struct commit_size {
  std::size_t events = 0;  ///< The number of events.
  std::size_t bytes = 0;   ///< The bytes of the events, with their names and tags.
};

/// Returns what an append brings to a commit.
template <typename Data>
[[nodiscard]] commit_size size_of_append(std::span<const basic_event<Data>> events) {
  commit_size made{.events = events.size()};
  for (const auto& one : events) made.bytes += event_bytes(one);
  return made;
}

/// Waits until others have come, or for a time. A test may wait in another way.
struct wait_for_others {
  /// Waits until `have_come()`, at the most for a time.
  template <typename HaveCome>
  void operator()(std::condition_variable& joined, std::unique_lock<std::mutex>& lock,
                  std::chrono::steady_clock::duration at_most, HaveCome have_come) const {
    joined.wait_for(lock, at_most, have_come);
  }
};

/// Lets threads that append at the same time share one commit. Any number of threads may use one.
///
/// The first thread that comes commits for all that wait, so that there is no thread in the background. Items are
/// committed in the order of arrival. A thread that is alone commits at once, and pays for two locks of a mutex.
/// Threads that shared the last commit are likely to come again at once: the next commit waits for as many, at the most
/// a quarter of the time that the last commit took, and never more than 2 ms. A commit holds at least one item.
/// \tparam Item  what the store needs to know of one append
/// \tparam Wait  how the thread that commits waits for others
template <typename Item, typename Wait = wait_for_others>
class shared_commit {
 public:
  /// The items of one commit, in the order of arrival.
  using items = std::span<Item* const>;

  /// Commits take their turns in a queue, where other writers of the store may take theirs. The queue outlives this.
  shared_commit(turn_queue& turns, commit_size most, Wait wait = {}) noexcept
      : turns_(turns), most_(most), wait_(std::move(wait)) {}
  shared_commit(const shared_commit&) = delete;
  shared_commit& operator=(const shared_commit&) = delete;

  /// Appends an item in a commit of its own, or in one that it shares, and returns after that commit.
  ///
  /// \param mine      the item; it is not used any more when this returns
  /// \param size      `size()` returns what the item brings to a commit. It is called when the commit may be shared
  /// \param alone     `alone(Item&)` commits one item, and returns its append_result. It runs in the thread of the item
  /// \param together  `together(items)` commits two items or more, and returns a std::vector of one
  ///                  `result<append_result>` for each. What it throws becomes the error of each item
  /// \throws ...  what `alone` and `size` throw, and as must::exception the error of the item
  /// \throws std::bad_alloc  when there is no memory for the error of a commit that failed as a whole
  template <typename Size, typename Alone, typename Together>
  append_result append(Item& mine, Size&& size, Alone&& alone, Together&& together) {
    if (last_count_.load(std::memory_order_relaxed) < 2 && turns_.try_lock()) {
      const detail::at_exit end([this] { turns_.unlock(); });
      return alone(mine);
    }
    entry one{mine};
    std::optional<turn_queue::turn> turn;
    const auto in = join(one, size(), turn);
    if (turn && lead(*in, *turn, together)) return alone(mine);
    turn.reset();
    in->over.wait();
    if (one.failure) std::rethrow_exception(one.failure);
    if (!*one.outcome) raise(std::move(one.outcome->error()));
    return **std::move(one.outcome);
  }

  /// Returns the number of items that wait for a commit that has not begun.
  [[nodiscard]] std::size_t waiting() const noexcept { return waiting_.load(std::memory_order_relaxed); }

 private:
  using clock = std::chrono::steady_clock;
  static constexpr clock::duration longest_wait = std::chrono::milliseconds(2);

  // An item, on the stack of its thread.
  struct entry {
    Item& item;
    std::optional<result<append_result>> outcome{};
    std::exception_ptr failure{};  // Holds std::bad_alloc when there is no memory for an error.
  };
  // Items that share a commit. The thread of the first leads: it waits for its turn, and the others for their commit.
  struct group {
    std::vector<entry*> entries{};
    commit_size size{};
    std::latch over{1};
  };

  // Returns the group that the newcomer is in. A newcomer that leads takes a place in the line.
  std::shared_ptr<group> join(entry& newcomer, commit_size size, std::optional<turn_queue::turn>& turn) {
    const std::lock_guard lock(mutex_);
    const bool fits = open_ != nullptr && open_->size.events + size.events <= most_.events &&
                      open_->size.bytes + size.bytes <= most_.bytes;
    auto in = fits ? open_ : std::make_shared<group>();
    in->entries.push_back(&newcomer);
    in->size.events += size.events;
    in->size.bytes += size.bytes;
    if (!fits) turn.emplace(turns_);
    open_ = in;
    if (++waiting_ >= awaited_) joined_.notify_one();
    return in;
  }
  // Commits for a group in its turn, or returns true when its leader has remained alone.
  template <typename Together>
  bool lead(group& mine, turn_queue::turn& turn, Together& together) {
    turn.wait();
    if (close(mine) == 1) return true;
    const auto begin = clock::now();
    commit(mine.entries, together);
    last_time_ = clock::now() - begin;
    mine.over.count_down();
    return false;
  }
  // Waits for those that are likely to come. Nobody joins from then on.
  std::size_t close(const group& mine) {
    std::unique_lock lock(mutex_);
    const bool may_grow = open_.get() == &mine;
    awaited_ = last_count_;
    if (awaited_ > 1 && may_grow)
      wait_(joined_, lock, std::min(last_time_ / 4, longest_wait), [&] { return waiting_ >= awaited_; });
    awaited_ = SIZE_MAX;
    if (open_.get() == &mine) open_.reset();
    const auto count = mine.entries.size();
    last_count_ = count;
    waiting_ -= count;
    return count;
  }

  template <typename Together>
  static void commit(std::span<entry* const> all, Together& together) noexcept {
    try {
      std::vector<Item*> each;
      each.reserve(all.size());
      for (auto* one : all) each.push_back(&one->item);
      auto results = together(items(each));
      for (std::size_t i = 0; i < all.size(); ++i) all[i]->outcome = std::move(results.at(i));
    } catch (...) {
      for (auto* one : all) fail(*one);
    }
  }
  // Gives an item the exception that is being handled, or std::bad_alloc when there is no memory for it.
  static void fail(entry& one) noexcept {
    try {
      one.outcome = unexpected<error>(detail::current_error("append"));
    } catch (...) {
      one.failure = std::current_exception();
    }
  }

  turn_queue& turns_;
  commit_size most_;
  Wait wait_;
  std::mutex mutex_{};
  std::condition_variable joined_{};
  std::shared_ptr<group> open_{};           // The newest group that waits. Only this one may be joined.
  std::atomic<std::size_t> waiting_{0};     // The number of items in groups that wait.
  std::size_t awaited_ = SIZE_MAX;          // The number of items that the leader wants to wait.
  std::atomic<std::size_t> last_count_{0};  // The number of items of the last commit.
  clock::duration last_time_{};             // The time that the last shared commit took, for the thread that leads.
};

}  // namespace must::kit

// SPDX-License-Identifier: MIT
// What is known of the commits of a log without their bodies: where each one is, and the index of their events.
#pragma once

#include "must/detail/arena.hpp"
#include "must/fwd.hpp"
#include "must/record.hpp"
#include "must/storage/index/event_index.hpp"
#include "must/storage/index/segmented.hpp"
#include "must/storage/kit/validate.hpp"
#include "must/storage/log/commit.hpp"
#include "must/timestamp.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace must::detail::log {

// Where a commit is, and what it must be when it is read back.
struct commit_entry {
  position first;
  std::uint64_t place;
  std::uint64_t bytes;  // The bytes of its events. \see kit::event_bytes
  std::uint32_t crc;
};

// One writer at a time adds commits. Readers never wait: they take the head once, and use what is up to it.
class catalog {
 public:
  [[nodiscard]] position head() const noexcept { return head_.load(std::memory_order_acquire); }
  [[nodiscard]] const commit_entry& operator[](std::size_t number) const noexcept { return commits_[number]; }
  [[nodiscard]] const index::event_index& index() const noexcept { return index_; }

  // Returns the number of the commit that holds a position up to the head.
  [[nodiscard]] std::size_t commit_of(position at) const noexcept {
    std::size_t low = 0;
    for (auto high = count_.load(std::memory_order_acquire); high - low > 1;) {
      const auto middle = low + (high - low) / 2;
      (commits_[middle].first <= at ? low : high) = middle;
    }
    return low;
  }
  // Returns the position of an event up to `head`, and 0 when there is none. `is(position)` compares it as it is
  // stored.
  template <typename Is>
  [[nodiscard]] position find(std::string_view source, std::string_view id, position head, Is&& is) const {
    const auto identity = index_.identity_hash(source, id);
    return index_.find(identity, [&](position at) {  // Few of those that are compared are read back.
      return at <= head && index_.row(at).identity == identity && is(at);
    });
  }

  // The writer calls the members that follow. Returns the time of the last commit.
  [[nodiscard]] const timestamp& last_time() const noexcept { return last_time_; }
  // Adds the commit after the head. What it throws leaves the catalog as it was.
  void add(const commit& made) {
    const std::span<const recorded<payload>> events(made.events);
    const auto plan = index_.make_plan(events);
    index::event_index::hashes names(plan.begin(), plan.end());
    commit_entry entry{made.first, made.place, 0, made.crc};
    try {
      for (const auto& one : events) {
        index_.stage(index::event_index::take(names, one.tags.size()), one.type, one.subject, one.tags);
        if (index_.row(index_.staged()).version != one.version)
          raise_damaged(made.first, "the version of an event does not follow the one before in its stream");
        entry.bytes += sizeof one + kit::event_bytes(one);
      }
      commits_.reserve(commits_.size() + 1);
    } catch (...) {
      index_.rollback();
      throw;
    }
    index_.commit(made.appends);
    commits_.emplace_back(entry);
    last_time_ = made.time;
    count_.store(commits_.size(), std::memory_order_release);
    head_.store(made.last(), std::memory_order_release);
  }

 private:
  index::event_index index_{};
  index::segmented<commit_entry> commits_{};
  timestamp last_time_{};
  alignas(cache_line) std::atomic<std::size_t> count_{0};  // The number of commits that readers may look at.
  std::atomic<position> head_{0};
};

}  // namespace must::detail::log

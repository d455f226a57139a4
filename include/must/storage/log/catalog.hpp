// SPDX-License-Identifier: MIT
// What is known of the commits of a log without their bodies: where each one is, and the index of their events.
#pragma once

#include "must/detail/arena.hpp"
#include "must/fwd.hpp"
#include "must/record.hpp"
#include "must/storage/index/event_index.hpp"
#include "must/storage/index/index_image.hpp"
#include "must/storage/index/segmented.hpp"
#include "must/storage/kit/row.hpp"
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

  // Returns the position of the last event of a commit up to the head.
  [[nodiscard]] position last_of(std::size_t number) const noexcept {
    const auto head = this->head();
    return number + 1 < count_.load(std::memory_order_acquire) ? commits_[number + 1].first - 1 : head;
  }
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

  // Returns the last commit. There must be one.
  [[nodiscard]] const commit_entry& last() const noexcept { return commits_[commits_.size() - 1]; }
  // Writes all that is known.
  void write(kit::row_writer& to) const {
    index::index_image::write(index_, to);
    to.time(last_time_).integer(commits_.size());
    commit_entry before{};
    for (std::size_t i = 0; i < commits_.size(); ++i) {
      const auto& one = commits_[i];
      to.integer(one.first - before.first).integer(one.place - before.place).integer(one.bytes).integer(one.crc);
      before = one;
    }
  }
  // Makes a catalog that is empty what it was. Throws codec_error for bytes that are none; it is of no use then.
  void read(kit::row_reader& from) {
    index::index_image::read(from, index_);
    last_time_ = from.time();
    const auto head = index_.staged();
    commit_entry one{};
    for (auto count = from.up_to(head); count > 0; --count) {
      const auto step = from.up_to(head - one.first);
      if (step == 0 || (one.first == 0 && step != 1)) kit::row_reader::refuse();
      one.first += step;
      one.place += from.integer();
      one.bytes = from.integer();
      one.crc = static_cast<std::uint32_t>(from.up_to(UINT32_MAX));
      commits_.emplace_back(one);
    }
    if (!from.done() || commits_.size() == 0) kit::row_reader::refuse();
    count_.store(commits_.size(), std::memory_order_release);
    head_.store(head, std::memory_order_release);
  }

 private:
  index::event_index index_{};
  index::segmented<commit_entry> commits_{};
  timestamp last_time_{};
  alignas(cache_line) std::atomic<std::size_t> count_{0};  // The number of commits that readers may look at.
  std::atomic<position> head_{0};
};

}  // namespace must::detail::log

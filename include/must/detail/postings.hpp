// SPDX-License-Identifier: MIT
// The positions of the events that have one thing in common: append-only, read while it grows.
#pragma once

#include "must/fwd.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace must::detail {

// Blocks of doubling size, linked both ways. One writer; a reader uses what size() told it, and no more.
class postings {
  struct block {
    explicit block(std::size_t room, std::size_t start, block* before)
        : capacity(room), base(start), previous(before), entries(new position[room]) {}
    std::size_t capacity, base;
    block* previous;
    std::atomic<block*> next{nullptr};
    std::unique_ptr<position[]> entries;
  };

 public:
  postings() = default;
  postings(const postings&) = delete;
  postings& operator=(const postings&) = delete;
  ~postings() {
    while (newest_ != nullptr) delete std::exchange(newest_, newest_->previous);
  }

  [[nodiscard]] std::size_t size() const noexcept { return size_.load(std::memory_order_acquire); }
  [[nodiscard]] position last() const noexcept { return last_; }  // for the writer

  // Makes room for one more than has been prepared and not pushed; pushing it then does not throw.
  void prepare() {
    const auto needed = size_.load(std::memory_order_relaxed) + prepared_ + 1;
    if (newest_ == nullptr || needed > newest_->base + newest_->capacity) {
      auto* more = newest_ == nullptr ? new block(2, 0, nullptr)
                                      : new block(newest_->capacity * 2, newest_->base + newest_->capacity, newest_);
      (newest_ == nullptr ? head_ : newest_->next).store(more, std::memory_order_release);
      newest_ = more;
      if (filling_ == nullptr) filling_ = more;
    }
    ++prepared_;
  }
  void forget() noexcept { --prepared_; }
  void push(position at) noexcept {
    const auto count = size_.load(std::memory_order_relaxed);
    if (count == filling_->base + filling_->capacity) filling_ = filling_->next.load(std::memory_order_relaxed);
    filling_->entries[count - filling_->base] = at;
    last_ = at;
    --prepared_;
    size_.store(count + 1, std::memory_order_release);
  }

  // Walks entries by index, either way; the index stays within what size() told.
  class cursor {
   public:
    cursor() = default;
    cursor(const postings& list, std::size_t index) : at_(list.block_of(index)), index_(index) {}
    [[nodiscard]] position operator*() const noexcept { return at_->entries[index_ - at_->base]; }
    [[nodiscard]] std::size_t index() const noexcept { return index_; }
    void forward() noexcept {
      if (++index_ == at_->base + at_->capacity) at_ = at_->next.load(std::memory_order_acquire);
    }
    void backward() noexcept {
      if (index_-- == at_->base) at_ = at_->previous;
    }

   private:
    const block* at_ = nullptr;
    std::size_t index_ = 0;
  };

  // How many of the first `count` entries are at or below `limit`.
  [[nodiscard]] std::size_t count_until(position limit, std::size_t count) const noexcept {
    const auto* at = head_.load(std::memory_order_acquire);
    if (count == 0) return 0;
    while (count > at->base + at->capacity && at->entries[at->capacity - 1] <= limit)
      at = at->next.load(std::memory_order_acquire);
    const auto* first = at->entries.get();
    const auto* end = first + std::min(count - at->base, at->capacity);
    return at->base + static_cast<std::size_t>(std::upper_bound(first, end, limit) - first);
  }

 private:
  [[nodiscard]] const block* block_of(std::size_t index) const noexcept {
    const auto* at = head_.load(std::memory_order_acquire);
    while (index >= at->base + at->capacity) at = at->next.load(std::memory_order_acquire);
    return at;
  }

  std::atomic<std::size_t> size_{0};
  std::atomic<block*> head_{nullptr};
  block* newest_ = nullptr;   // owns those before it
  block* filling_ = nullptr;  // the block that the next entry goes into
  std::size_t prepared_ = 0;
  position last_ = 0;
};

}  // namespace must::detail

// SPDX-License-Identifier: MIT
// The positions of the events that have one thing in common. The list is append-only, and is read while it grows.
#pragma once

#include "must/detail/arena.hpp"
#include "must/fwd.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <new>  // IWYU pragma: keep

namespace must::detail::index {

// The first ten stand in the list itself, and the others in linked blocks of 8, 16, 32 ... There is one writer. A
// reader uses the entries that size() told it of, and no more.
class postings {
  static constexpr std::size_t few = 10;
  static constexpr std::size_t smallest = 8;  // This is the size of the smallest block.

  // The entries of a block follow it in memory.
  struct block {
    block* previous;
    block* next;
    std::size_t base;  // The index of the first entry of the block.
    std::size_t capacity;
    [[nodiscard]] position* entries() noexcept { return reinterpret_cast<position*>(this + 1); }
    [[nodiscard]] const position* entries() const noexcept { return reinterpret_cast<const position*>(this + 1); }
  };

 public:
  [[nodiscard]] std::size_t size() const noexcept { return size_.load(std::memory_order_acquire); }

  // Adds an entry that nobody sees before publish. withdraw takes back all such entries. The writer calls all three.
  void stage(position at, arena& memory) {
    if (staged_ < few) {
      few_[staged_++] = at;
      return;
    }
    const auto base = base_of(staged_);
    if (base == staged_) enter_block(base, memory);
    newest_.load(std::memory_order_relaxed)->entries()[staged_ - base] = at;
    ++staged_;
  }
  // Fetches the place of the next entry, which will be written.
  void prefetch_next() const noexcept {
    if (staged_ <= few) return;
    __builtin_prefetch(newest_.load(std::memory_order_relaxed)->entries() + (staged_ - base_of(staged_)), 1);
  }
  [[nodiscard]] std::size_t staged() const noexcept { return staged_; }
  void publish() noexcept { size_.store(staged_, std::memory_order_release); }
  void withdraw() noexcept {
    staged_ = size_.load(std::memory_order_relaxed);
    auto* at = newest_.load(std::memory_order_relaxed);
    while (at != nullptr && at->base >= staged_) at = at->previous;  // The blocks stay for the next time.
    newest_.store(at, std::memory_order_release);
  }

  // Returns how many of the first `count` entries are at or below `limit`. That is logarithmic, and fast near the end.
  [[nodiscard]] std::size_t count_until(position limit, std::size_t count) const noexcept {
    if (count == 0 || limit == 0) return 0;
    const auto* at = block_of(count - 1);
    while (at != nullptr && at->entries()[0] > limit) {
      count = at->base;
      at = at->previous;
    }
    const auto* const first = at == nullptr ? few_ : at->entries();
    const auto base = at == nullptr ? 0 : at->base;
    if (first[count - base - 1] <= limit) return count;
    return base + static_cast<std::size_t>(std::upper_bound(first, first + (count - base), limit) - first);
  }

  // Walks entries either way. It does not leave those that size() told of.
  class cursor {
   public:
    cursor() = default;
    cursor(const postings& list, std::size_t index) noexcept : list_(&list), block_(list.block_of(index)) {
      enter();
      at_ = first_ + (index - (block_ == nullptr ? 0 : block_->base));
    }
    [[nodiscard]] position operator*() const noexcept { return *at_; }
    void forward() noexcept {
      if (++at_ != end_) return;
      block_ = block_ == nullptr ? list_->oldest_ : block_->next;
      enter();
      at_ = first_;
    }
    void backward() noexcept {
      if (at_ == first_) {
        block_ = block_->previous;
        enter();
        at_ = end_;
      }
      --at_;
    }

   private:
    void enter() noexcept {
      first_ = block_ == nullptr ? list_->few_ : block_->entries();
      end_ = first_ + (block_ == nullptr ? few : block_->capacity);
    }
    const postings* list_ = nullptr;
    const block* block_ = nullptr;  // A null pointer is the list itself.
    const position* first_ = nullptr;
    const position* at_ = nullptr;
    const position* end_ = nullptr;
  };

 private:
  [[nodiscard]] const block* block_of(std::size_t index) const noexcept {
    if (index < few) return nullptr;
    const auto* at = newest_.load(std::memory_order_acquire);
    while (at->base > index) at = at->previous;
    return at;
  }
  // Returns the index of the first entry in the block of an entry.
  static constexpr std::size_t base_of(std::size_t index) noexcept {
    constexpr auto before = few - smallest;
    return std::bit_floor(index - before) + before;
  }
  void enter_block(std::size_t base, arena& memory) {
    auto* const before = newest_.load(std::memory_order_relaxed);
    auto*& link = before == nullptr ? oldest_ : before->next;
    if (link == nullptr) {
      const auto capacity = base - few + smallest;
      link = ::new (memory.allocate(sizeof(block) + capacity * sizeof(position), alignof(block)))
          block{before, nullptr, base, capacity};
    }
    newest_.store(link, std::memory_order_release);
  }

  std::atomic<std::size_t> size_{0};
  std::size_t staged_ = 0;
  std::atomic<block*> newest_{nullptr};  // The block that holds the last entry.
  block* oldest_ = nullptr;
  position few_[few]{};
};

}  // namespace must::detail::index

// SPDX-License-Identifier: MIT
// An append-only array that never moves, in segments of doubling size.
#pragma once

#include "must/detail/arena.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <memory>
#include <new>  // IWYU pragma: keep
#include <utility>

namespace must::detail::index {

// There is one writer. Other threads may use an element after it was made, when they learnt its number in a way that
// orders memory.
template <typename T, std::size_t First = 8>
class segmented {
  static_assert(std::has_single_bit(First) && alignof(T) <= cache_line);

 public:
  segmented() = default;
  segmented(const segmented&) = delete;
  segmented& operator=(const segmented&) = delete;
  ~segmented() {
    while (size_ > 0) pop_back();
    for (std::size_t k = 0; k < segments_.size() && segments_[k] != nullptr; ++k) free_pages(segments_[k], bytes_of(k));
  }

  [[nodiscard]] T& operator[](std::size_t i) noexcept { return *place(i); }
  [[nodiscard]] const T& operator[](std::size_t i) const noexcept { return *place(i); }
  void prefetch(std::size_t i, std::size_t offset = 0) const noexcept {
    __builtin_prefetch(reinterpret_cast<const char*>(place(i)) + offset);
  }

  // The writer alone calls this member and those that follow.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  // Makes room for `count` elements in all.
  void reserve(std::size_t count) {
    while (count > capacity_) {
      const auto k = segment_of(capacity_);
      segments_[k] = static_cast<T*>(allocate_pages(bytes_of(k)));
      capacity_ += First << k;
    }
  }
  // Adds an element. Where there is room, it throws only what the constructor of T throws.
  template <typename... Argument>
  T& emplace_back(Argument&&... arguments) {
    reserve(size_ + 1);
    auto* const made = ::new (static_cast<void*>(place(size_))) T{std::forward<Argument>(arguments)...};
    ++size_;
    return *made;
  }
  // Fetches the place of the next element, which will be written, where there is room.
  void prefetch_next() const noexcept {
    if (size_ == capacity_) return;
    const auto* const next = reinterpret_cast<const char*>(place(size_));
    for (std::size_t line = 0; line < sizeof(T); line += cache_line) __builtin_prefetch(next + line, 1);
  }
  void pop_back() noexcept { std::destroy_at(place(--size_)); }

 private:
  static constexpr std::size_t segment_of(std::size_t i) noexcept {
    return static_cast<std::size_t>(std::bit_width(i / First + 1)) - 1;
  }
  static constexpr std::size_t bytes_of(std::size_t k) noexcept { return (First << k) * sizeof(T); }
  [[nodiscard]] T* place(std::size_t i) const noexcept {
    const auto k = segment_of(i);
    return segments_[k] + (i - First * ((std::size_t{1} << k) - 1));
  }

  std::array<T*, 44> segments_{};
  alignas(cache_line) std::size_t size_ = 0;  // This is apart from what readers use.
  std::size_t capacity_ = 0;
};

}  // namespace must::detail::index

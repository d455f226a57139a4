// SPDX-License-Identifier: MIT
// An append-only array that never moves: segments of doubling size, huge pages for the large ones.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <memory>
#include <new>
#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace must::detail {

// One writer; readers may use what they learnt of through a length that was published after it was constructed.
template <typename T, std::size_t First = 64>
class segmented {
 public:
  segmented() = default;
  segmented(const segmented&) = delete;
  segmented& operator=(const segmented&) = delete;
  ~segmented() {
    for (std::size_t i = size_; i-- > 0;) std::destroy_at(&(*this)[i]);
    for (std::size_t k = 0; k < segments_.size(); ++k)
      if (auto* memory = segments_[k].load()) ::operator delete(memory, alignment(k));
  }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] T& operator[](std::size_t i) noexcept { return *place(i); }
  [[nodiscard]] const T& operator[](std::size_t i) const noexcept { return *place(i); }

  // Makes room for `count` elements in all.
  void reserve(std::size_t count) {
    if (count == 0) return;
    for (auto k = segment_of(size_); k <= segment_of(count - 1); ++k)
      if (segments_[k].load(std::memory_order_relaxed) == nullptr) segments_[k].store(allocate(k), std::memory_order_release);
  }
  // Constructs the next element; does not throw for want of memory where there is room.
  template <typename... Argument>
  T& emplace_back(Argument&&... arguments) {
    reserve(size_ + 1);
    auto* made = ::new (static_cast<void*>(place(size_))) T{std::forward<Argument>(arguments)...};
    ++size_;
    return *made;
  }
  void pop_back() noexcept { std::destroy_at(place(--size_)); }

 private:
  static constexpr std::size_t huge_page = std::size_t{2} << 20U;
  static constexpr std::size_t segment_of(std::size_t i) noexcept {
    return static_cast<std::size_t>(std::bit_width(i / First + 1)) - 1;
  }
  static constexpr std::size_t bytes_of(std::size_t k) noexcept { return (First << k) * sizeof(T); }
  static std::align_val_t alignment(std::size_t k) noexcept {
    return std::align_val_t{bytes_of(k) >= huge_page ? huge_page : alignof(T)};
  }
  static T* allocate(std::size_t k) {
    void* memory = ::operator new(bytes_of(k), alignment(k));
#if defined(__linux__)
    if (bytes_of(k) >= huge_page) ::madvise(memory, bytes_of(k), MADV_HUGEPAGE);
#endif
    return static_cast<T*>(memory);
  }
  [[nodiscard]] T* place(std::size_t i) const noexcept {
    const auto k = segment_of(i);
    return segments_[k].load(std::memory_order_acquire) + (i - First * ((std::size_t{1} << k) - 1));
  }

  std::array<std::atomic<T*>, 48> segments_{};
  std::size_t size_ = 0;
};

}  // namespace must::detail

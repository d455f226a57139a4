// SPDX-License-Identifier: MIT
// Memory that is given back all at once, in large pieces on huge pages, from which small ones are cut.
#pragma once

#include "must/config.hpp"  // IWYU pragma: keep

#include <algorithm>
#include <cstddef>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace must::detail {

inline constexpr std::size_t huge_page = std::size_t{2} << 20U;
inline constexpr std::size_t cache_line = 64;

inline std::align_val_t page_alignment(std::size_t bytes) noexcept {
  return std::align_val_t{bytes >= huge_page ? huge_page : cache_line};
}
inline void* allocate_pages(std::size_t bytes) {
  void* const memory = ::operator new(bytes, page_alignment(bytes));
#if defined(__linux__)
  if (bytes >= huge_page) static_cast<void>(::madvise(memory, bytes / huge_page * huge_page, MADV_HUGEPAGE));
#endif
  return memory;
}
inline void free_pages(void* memory, std::size_t bytes) noexcept { ::operator delete(memory, page_alignment(bytes)); }

// Hands out memory that stays where it is, and frees it in its destructor. It is for objects that need no destructor.
class arena {
 public:
  arena() = default;
  arena(const arena&) = delete;
  arena& operator=(const arena&) = delete;
  ~arena() {
    while (newest_ != nullptr) {
      auto* const before = newest_->before;
      free_pages(newest_, newest_->bytes);
      newest_ = before;
    }
  }

  // `alignment` is a power of two, at most 64.
  [[nodiscard]] void* allocate(std::size_t bytes, std::size_t alignment) {
    auto skip = (alignment - used_ % alignment) % alignment;
    if (newest_ == nullptr || bytes + skip > newest_->bytes - used_) {
      grow(bytes);
      skip = 0;
    }
    auto* const given = reinterpret_cast<std::byte*>(newest_) + used_ + skip;
    used_ += skip + bytes;
    return given;
  }

 private:
  static constexpr std::size_t smallest = std::size_t{4} << 10U;
  struct alignas(cache_line) chunk {
    chunk* before;
    std::size_t bytes;
  };
  // Doubles the size of pieces, up to 16 huge pages at a time.
  void grow(std::size_t needed) {
    const auto usual = newest_ == nullptr ? smallest : std::min(newest_->bytes * 2, huge_page * 16);
    const auto bytes = std::max(usual, sizeof(chunk) + needed);
    newest_ = ::new (allocate_pages(bytes)) chunk{newest_, bytes};
    used_ = sizeof(chunk);
  }

  chunk* newest_ = nullptr;
  std::size_t used_ = 0;  // So many bytes of the newest piece are used.
};

}  // namespace must::detail

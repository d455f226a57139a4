// SPDX-License-Identifier: MIT
// A flat table from hashes to numbers, and the hash of a name. It has one writer, and readers that never wait.
#pragma once

#include "must/detail/arena.hpp"

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>  // IWYU pragma: keep
#include <string_view>

namespace must::detail::index {

inline std::uint64_t multiply_fold(std::uint64_t left, std::uint64_t right) noexcept {
  __extension__ using wide = unsigned __int128;
  const auto product = static_cast<wide>(left) * right;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
}

// A fast hash that differs from seed to seed, so that strangers cannot choose names that collide. After wyhash, by Wang
// Yi.
inline std::uint64_t hash_name(std::string_view name, std::uint64_t seed) noexcept {
  constexpr std::uint64_t first = 0x2D358DCCAA6C78A5U;
  constexpr std::uint64_t second = 0x8BB84B93962EACC9U;
  const auto read = [](const char* at, std::size_t bytes) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, bytes);
    return word;
  };
  const auto* at = name.data();
  auto left = name.size();
  seed ^= first;
  for (; left > 16; at += 16, left -= 16) seed = multiply_fold(read(at, 8) ^ second, read(at + 8, 8) ^ seed);
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  if (left >= 8) {
    low = read(at, 8);
    high = read(at + left - 8, 8);
  } else if (left >= 4) {
    low = read(at, 4);
    high = read(at + left - 4, 4);
  } else if (left > 0) {
    low = read(at, 1) << 16U | read(at + left / 2, 1) << 8U | read(at + left - 1, 1);
  }
  return multiply_fold(second ^ name.size(), multiply_fold(low ^ second, high ^ seed));
}

// A table with open addressing and linear probing, over the numbers 0, 1, 2 ... in this order, up to 2^40. A slot is
// one word: a number and a part of its hash. A table that was outgrown stays for those who still read it.
class hash_index {
 public:
  static constexpr std::uint64_t none = ~std::uint64_t{0};

  hash_index() = default;
  hash_index(const hash_index&) = delete;
  hash_index& operator=(const hash_index&) = delete;
  ~hash_index() {
    for (auto* gone = current_.load(); gone != &small_;) {
      auto* const before = gone->before;
      free_pages(gone, bytes_of(gone->mask + 1));
      gone = before;
    }
  }

  // Returns the number under `hash` for which `equal(number)` holds.
  template <typename Equal>
  [[nodiscard]] std::uint64_t find(std::uint64_t hash, Equal&& equal) const {
    const auto* const in = current_.load(std::memory_order_acquire);
    for (auto i = in->home(hash);; i = (i + 1) & in->mask) {
      const auto word = in->slots()[i].load(std::memory_order_acquire);
      if (word == 0) return none;
      if ((word & part) == (hash & part) && equal((word >> bits) - 1)) return (word >> bits) - 1;
    }
  }
  // Fetches what find will look at first.
  void prefetch(std::uint64_t hash) const noexcept {
    const auto* const in = current_.load(std::memory_order_acquire);
    __builtin_prefetch(in->slots() + in->home(hash));
  }

  // Makes room for `count` numbers in all. `hash_of(number)` returns the hash that each was inserted with.
  template <typename HashOf>
  void reserve(std::uint64_t count, HashOf&& hash_of) {
    const auto* const in = current_.load(std::memory_order_relaxed);
    if (count * 8 > (in->mask + 1) * 5) grow(std::bit_ceil(count * 2), hash_of);
  }
  // Inserts the next number. There must be room for it.
  void insert(std::uint64_t hash) noexcept { put(*current_.load(std::memory_order_relaxed), hash, size_++); }

 private:
  static constexpr unsigned bits = 24;  // So many bits of the hash are in a slot.
  static constexpr std::uint64_t part = (std::uint64_t{1} << bits) - 1;
  using slot = std::atomic<std::uint64_t>;  // An empty slot is 0.

  // The slots of a table follow it in memory.
  struct alignas(cache_line) table {
    table* before;
    std::uint64_t mask;
    unsigned shift;
    [[nodiscard]] std::uint64_t home(std::uint64_t hash) const noexcept { return hash >> shift; }
    [[nodiscard]] slot* slots() noexcept { return reinterpret_cast<slot*>(this + 1); }
    [[nodiscard]] const slot* slots() const noexcept { return reinterpret_cast<const slot*>(this + 1); }
  };
  static constexpr std::uint64_t few = 8;
  struct small_table : table {
    small_table() : table{nullptr, few - 1, 64 - 3} {}
    std::array<slot, few> slots_of_small{};
  };
  static_assert(sizeof(small_table) == sizeof(table) + few * sizeof(slot));

  static std::size_t bytes_of(std::uint64_t count) noexcept { return sizeof(table) + count * sizeof(slot); }
  static void put(table& into, std::uint64_t hash, std::uint64_t number) noexcept {
    auto i = into.home(hash);
    while (into.slots()[i].load(std::memory_order_relaxed) != 0) i = (i + 1) & into.mask;
    into.slots()[i].store((number + 1) << bits | (hash & part), std::memory_order_release);
  }
  template <typename HashOf>
  void grow(std::uint64_t count, HashOf&& hash_of) {
    auto* const memory = allocate_pages(bytes_of(count));
    auto* const larger = ::new (memory) table{current_.load(std::memory_order_relaxed), count - 1,
                                              64U - static_cast<unsigned>(std::bit_width(count - 1))};
    std::uninitialized_value_construct_n(larger->slots(), count);
    constexpr std::uint64_t ahead = 16;
    for (std::uint64_t number = 0; number < size_; ++number) {
      if (number + ahead < size_) __builtin_prefetch(larger->slots() + larger->home(hash_of(number + ahead)));
      put(*larger, hash_of(number), number);
    }
    current_.store(larger, std::memory_order_release);
  }

  small_table small_{};
  std::atomic<table*> current_{&small_};
  alignas(cache_line) std::uint64_t size_ = 0;  // This is apart from what readers use.
};

}  // namespace must::detail::index

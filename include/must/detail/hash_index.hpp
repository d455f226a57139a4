// SPDX-License-Identifier: MIT
// A flat table from hashes to numbers: one writer, readers that never wait.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace must::detail {

// Open addressing with linear probing. 0 is no number. A table that was outgrown is kept for those who still read it.
class hash_index {
 public:
  hash_index() { grow(16); }

  // The number under `hash` for which `equal(number)` holds; 0 when there is none.
  template <typename Equal>
  [[nodiscard]] std::uint64_t find(std::uint64_t hash, Equal&& equal) const {
    const auto& in = *current_.load(std::memory_order_acquire);
    for (auto i = hash & in.mask;; i = (i + 1) & in.mask) {
      const auto number = in.slots[i].number.load(std::memory_order_acquire);
      if (number == 0) return 0;
      if (in.slots[i].hash.load(std::memory_order_relaxed) == hash && equal(number)) return number;
    }
  }
  // Makes room for `more` numbers.
  void reserve(std::size_t more) {
    auto slots = tables_.back()->mask + 1;
    while ((size_ + more) * 8 > slots * 5) slots *= 2;
    if (slots != tables_.back()->mask + 1) grow(slots);
  }
  // Needs room made before.
  void insert(std::uint64_t hash, std::uint64_t number) noexcept {
    put(*tables_.back(), hash, number);
    ++size_;
  }

 private:
  struct slot {
    std::atomic<std::uint64_t> hash{0};
    std::atomic<std::uint64_t> number{0};
  };
  struct table {
    explicit table(std::size_t count) : mask(count - 1), slots(count) {}
    std::size_t mask;
    std::vector<slot> slots;
  };

  static void put(table& into, std::uint64_t hash, std::uint64_t number) noexcept {
    auto i = hash & into.mask;
    while (into.slots[i].number.load(std::memory_order_relaxed) != 0) i = (i + 1) & into.mask;
    into.slots[i].hash.store(hash, std::memory_order_relaxed);
    into.slots[i].number.store(number, std::memory_order_release);
  }
  void grow(std::size_t slots) {
    auto larger = std::make_unique<table>(slots);
    if (!tables_.empty())
      for (const auto& old : tables_.back()->slots)
        if (const auto number = old.number.load(std::memory_order_relaxed)) put(*larger, old.hash.load(std::memory_order_relaxed), number);
    tables_.push_back(std::move(larger));
    current_.store(tables_.back().get(), std::memory_order_release);
  }

  std::vector<std::unique_ptr<table>> tables_{};
  std::atomic<table*> current_{nullptr};
  std::size_t size_ = 0;
};

}  // namespace must::detail

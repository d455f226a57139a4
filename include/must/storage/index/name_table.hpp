// SPDX-License-Identifier: MIT
// Names and their numbers, and for each name the positions of its events.
#pragma once

#include "must/detail/arena.hpp"
#include "must/fwd.hpp"
#include "must/storage/index/hash_index.hpp"
#include "must/storage/index/postings.hpp"
#include "must/storage/index/segmented.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace must::detail::index {

// A text. Up to 16 bytes stand in the object, and a longer text in an arena.
class interned_text {
 public:
  interned_text(std::string_view text, arena& memory) : size_(static_cast<std::uint32_t>(text.size())) {
    char* to = text_;
    if (text.size() > sizeof text_) {
      to = static_cast<char*>(memory.allocate(text.size(), 1));
      std::memcpy(text_, &to, sizeof to);
    }
    std::memcpy(to, text.data(), text.size());
  }
  [[nodiscard]] std::string_view view() const noexcept {
    const char* from = text_;
    if (size_ > sizeof text_) std::memcpy(&from, text_, sizeof from);
    return {from, size_};
  }

 private:
  std::uint32_t size_;
  char text_[16];
};

// The types that the events of a name have. Type numbers from 32 on share one bit.
class type_set {
 public:
  // Adds a type. The writer calls it before it publishes an event of that type.
  void add(std::uint32_t type) noexcept {
    if (const auto seen = bits_.load(std::memory_order_relaxed); (seen | bit(type)) != seen)
      bits_.store(seen | bit(type), std::memory_order_relaxed);
  }
  // Returns what the set is made of, and makes it of that again.
  [[nodiscard]] std::uint32_t bits() const noexcept { return bits_.load(std::memory_order_relaxed); }
  void restore(std::uint32_t bits) noexcept { bits_.store(bits, std::memory_order_relaxed); }
  // Returns whether every type is surely among `types`. It is false when none was added, as for the name of a type
  // itself.
  template <typename Types>
  [[nodiscard]] bool is_within(const Types& types) const noexcept {
    std::uint32_t allowed = 0;
    for (const auto type : types) allowed |= type < 32 ? bit(type) : 0;
    const auto seen = bits_.load(std::memory_order_relaxed);
    return seen != 0 && (seen & ~allowed) == 0;
  }

 private:
  static std::uint32_t bit(std::uint32_t type) noexcept { return type < 32 ? std::uint32_t{1} << type : 1; }
  std::atomic<std::uint32_t> bits_{0};
};

// For each type the last position of the events of a tag that have that type. Two stand in the object, more in an
// arena. Only the writer uses it, save for `seen`, which streams have too, and which readers may use.
class last_by_type {
 public:
  [[nodiscard]] position operator[](std::uint32_t type) const noexcept {
    for (std::uint32_t i = 0; i < count_; ++i)
      if (types()[i] == type) return lasts()[i];
    return 0;
  }
  // Makes room for `type`, unless it is there.
  void add(std::uint32_t type, arena& memory) {
    for (std::uint32_t i = 0; i < count_; ++i)
      if (types()[i] == type) return;
    if (count_ >= few && std::has_single_bit(count_)) enlarge(memory);
    ++count_;
    types()[count_ - 1] = type;
    lasts()[count_ - 1] = 0;
  }
  // Calls `use(type, last)` for each type. The writer calls it.
  template <typename Use>
  void each(Use&& use) const {
    for (std::uint32_t i = 0; i < count_; ++i) use(types()[i], lasts()[i]);
  }
  [[nodiscard]] std::uint32_t size() const noexcept { return count_; }
  void set(std::uint32_t type, position last) noexcept {
    for (std::uint32_t i = 0; i < count_; ++i)
      if (types()[i] == type) lasts()[i] = last;
  }

 private:
  static constexpr std::uint32_t few = 2;
  // Doubles the number of entries, `count_`, which is a power of two. The positions come first, then the types.
  void enlarge(arena& memory) {
    const auto room = count_ * 2;
    auto* const more =
        static_cast<position*>(memory.allocate(room * (sizeof(position) + sizeof(std::uint32_t)), alignof(position)));
    std::copy_n(lasts(), count_, more);
    std::copy_n(types(), count_, reinterpret_cast<std::uint32_t*>(more + room));
    more_ = more;
  }
  [[nodiscard]] position* lasts() noexcept { return more_ == nullptr ? lasts_ : more_; }
  [[nodiscard]] const position* lasts() const noexcept { return more_ == nullptr ? lasts_ : more_; }
  [[nodiscard]] std::uint32_t* types() noexcept {
    return more_ == nullptr ? types_ : reinterpret_cast<std::uint32_t*>(more_ + room());
  }
  [[nodiscard]] const std::uint32_t* types() const noexcept { return const_cast<last_by_type*>(this)->types(); }

  [[nodiscard]] std::size_t room() const noexcept { return std::bit_ceil(std::size_t{count_}); }

  std::uint32_t count_ = 0;
  std::uint32_t types_[few]{};

 public:
  type_set seen{};

 private:
  position* more_ = nullptr;
  position lasts_[few]{};
};

// What the index knows of a name, in three cache lines.
struct alignas(cache_line) name_entry {
  name_entry(std::uint64_t of_name, std::uint32_t in_order, std::string_view text, arena& memory)
      : hash(of_name), number(in_order), name(text, memory) {}

  std::uint64_t hash;
  postings list{};
  position last = 0;     // Only the writer uses it.
  std::uint32_t number;  // Names have 1, 2, 3 ... in the order in which they come.
  interned_text name;
  last_by_type by_type{};
};
static_assert(sizeof(name_entry) == 3 * cache_line);

// Names and their entries.
class name_table {
 public:
  // Returns the entry of a name, or nothing when the name never came.
  [[nodiscard]] const name_entry* find(std::uint64_t hash, std::string_view name) const {
    const name_entry* found = nullptr;
    static_cast<void>(numbers_.find(hash, [&](std::uint64_t i) {
      const auto& entry = entries_[i];
      if (entry.hash != hash || entry.name.view() != name) return false;
      found = &entry;
      return true;
    }));
    return found;
  }
  [[nodiscard]] const name_entry& operator[](std::uint32_t number) const noexcept { return entries_[number - 1]; }
  // Returns the number of names. The writer calls it.
  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  // Makes room for so many names in all.
  void reserve(std::size_t count) {
    numbers_.reserve(count, [&](std::uint64_t i) { return entries_[i].hash; });
    entries_.reserve(count);
  }

  // Fetch what find looks at: first the slot, later, when that is there, the entry, and then what a writer adds to.
  void prefetch_slot(std::uint64_t hash) const noexcept { numbers_.prefetch(hash); }
  void prefetch_entry(std::uint64_t hash) const {
    static_cast<void>(numbers_.find(hash, [&](std::uint64_t i) {
      for (std::size_t line = 0; line < sizeof(name_entry); line += cache_line) entries_.prefetch(i, line);
      return true;
    }));
  }
  void prefetch_list(std::uint64_t hash) const {
    static_cast<void>(numbers_.find(hash, [&](std::uint64_t i) {
      entries_[i].list.prefetch_next();
      return true;
    }));
  }

  // Finds or adds a name. The writer calls it.
  [[nodiscard]] name_entry& find_or_add(std::uint64_t hash, std::string_view name, arena& memory) {
    if (const auto* known = find(hash, name)) return const_cast<name_entry&>(*known);
    numbers_.reserve(entries_.size() + 1, [&](std::uint64_t i) { return entries_[i].hash; });
    auto& made = entries_.emplace_back(hash, static_cast<std::uint32_t>(entries_.size() + 1), name, memory);
    numbers_.insert(hash);
    return made;
  }

 private:
  segmented<name_entry, 4> entries_{};
  hash_index numbers_{};
};

}  // namespace must::detail::index

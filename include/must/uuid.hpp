// SPDX-License-Identifier: MIT
// The ids of new events: UUIDs of version 7, or those of an id_source.
#pragma once

#include "must/error.hpp"
#include "must/timestamp.hpp"

#include <pthread.h>
#include <unistd.h>
#include <cstddef>
#include <cstdint>
#include <string>

namespace must {

namespace detail {

// 16 bytes as the 36 characters of a UUID, with version and variant set.
inline std::string format_uuid(std::uint64_t high, std::uint64_t low, unsigned uuid_version) {
  constexpr char hex[] = "0123456789abcdef";
  high = (high & ~std::uint64_t{0xF000}) | (std::uint64_t{uuid_version} << 12U);
  low = (low & 0x3FFF'FFFF'FFFF'FFFFU) | 0x8000'0000'0000'0000U;
  std::string text(36, '-');
  std::size_t at = 0;
  for (int nibble = 0; nibble < 32; ++nibble) {
    if (nibble == 8 || nibble == 12 || nibble == 16 || nibble == 20) ++at;
    const auto word = nibble < 16 ? high : low;
    text[at++] = hex[(word >> (60U - 4U * (static_cast<unsigned>(nibble) & 15U))) & 15U];
  }
  return text;
}

// Counts forks: a child must not draw the numbers that its parent draws.
inline unsigned fork_generation = 0;

// xoshiro256++, seeded from the system for each thread, and again after a fork.
class random_source {
 public:
  [[nodiscard]] std::uint64_t operator()() {
    if (generation_ != fork_generation) seed();
    const auto rotate = [](std::uint64_t value, unsigned by) { return (value << by) | (value >> (64U - by)); };
    const auto drawn = rotate(state_[0] + state_[3], 23) + state_[0];
    const auto shifted = state_[1] << 17U;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = rotate(state_[3], 45);
    return drawn;
  }
  [[nodiscard]] static random_source& of_this_thread() {
    thread_local random_source source;
    return source;
  }

 private:
  random_source() {
    static const int watching = ::pthread_atfork(nullptr, nullptr, [] { ++fork_generation; });
    static_cast<void>(watching);
    seed();
  }
  void seed() {
    generation_ = fork_generation;
    if (::getentropy(state_, sizeof state_) != 0)
      raise({.code = error_code::storage_error,
             .message = "the system gives no random numbers",
             .operation = "getentropy"});
  }
  std::uint64_t state_[4]{};
  unsigned generation_ = 0;
};

}  // namespace detail

/// The source that a store takes the ids of new events from. Many threads call it at once, and it never gives an id
/// twice.
class id_source {
 public:
  virtual ~id_source() = default;
  /// Returns a new id.
  /// \param now  the time that goes into ids which carry one
  [[nodiscard]] virtual std::string next(timestamp now) = 0;
};

/// Gives random UUIDs that start with the time, so that ids of one time are near each other in an index.
///
/// The order of ids is not the order of events. \see RFC 9562, section 5.7
class uuid7_ids final : public id_source {
 public:
  /// Returns a new UUID of version 7.
  /// \throws storage_error  when the system gives no random numbers
  [[nodiscard]] std::string next(timestamp now) override {
    auto& random = detail::random_source::of_this_thread();
    const auto milliseconds = static_cast<std::uint64_t>(now.microseconds / 1'000);
    return detail::format_uuid((milliseconds << 16U) | (random() & 0xFFFU), random(), 7);
  }
  /// Returns the only instance.
  [[nodiscard]] static id_source& instance() {
    static uuid7_ids the_ids;
    return the_ids;
  }
};

}  // namespace must

// SPDX-License-Identifier: MIT
// SipHash-2-4 with 128 bits of output: a keyed hash, whose collisions nobody finds without the key.
// \see Aumasson, Bernstein: "SipHash: a fast short-input PRF"
#pragma once

#include "must/config.hpp"  // IWYU pragma: keep

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace must::detail {

using siphash_key = std::array<std::uint8_t, 16>;

class siphash_state {
 public:
  explicit siphash_state(const siphash_key& key) {
    const auto k0 = word(key.data()), k1 = word(key.data() + 8);
    v0_ = k0 ^ 0x736f6d6570736575U;
    v1_ = k1 ^ 0x646f72616e646f6dU ^ 0xeeU;
    v2_ = k0 ^ 0x6c7967656e657261U;
    v3_ = k1 ^ 0x7465646279746573U;
  }

  template <typename Byte>
  [[nodiscard]] static std::uint64_t word(const Byte* bytes, std::size_t size = 8) {
    std::uint64_t made = 0;
    for (std::size_t i = 0; i < size; ++i) made |= std::uint64_t{static_cast<std::uint8_t>(bytes[i])} << (8 * i);
    return made;
  }
  void put(std::uint64_t next) {
    v3_ ^= next;
    round(2);
    v0_ ^= next;
  }
  [[nodiscard]] std::uint64_t first_half() {
    v2_ ^= 0xeeU;
    round(4);
    return v0_ ^ v1_ ^ v2_ ^ v3_;
  }
  [[nodiscard]] std::uint64_t second_half() {
    v1_ ^= 0xddU;
    round(4);
    return v0_ ^ v1_ ^ v2_ ^ v3_;
  }

 private:
  void round(int times) {
    for (int i = 0; i < times; ++i) {
      v0_ += v1_, v1_ = std::rotl(v1_, 13) ^ v0_, v0_ = std::rotl(v0_, 32);
      v2_ += v3_, v3_ = std::rotl(v3_, 16) ^ v2_;
      v0_ += v3_, v3_ = std::rotl(v3_, 21) ^ v0_;
      v2_ += v1_, v1_ = std::rotl(v1_, 17) ^ v2_, v2_ = std::rotl(v2_, 32);
    }
  }
  std::uint64_t v0_, v1_, v2_, v3_;
};

inline std::array<std::uint8_t, 16> siphash(const siphash_key& key, std::string_view bytes) {
  siphash_state state(key);
  const auto size = bytes.size();
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) state.put(siphash_state::word(bytes.data()));
  state.put(siphash_state::word(bytes.data(), bytes.size()) | (std::uint64_t{size} << 56U));
  std::array<std::uint8_t, 16> made{};
  const auto low = state.first_half(), high = state.second_half();
  for (std::size_t i = 0; i < 8; ++i) {
    made[i] = static_cast<std::uint8_t>(low >> (8 * i));
    made[i + 8] = static_cast<std::uint8_t>(high >> (8 * i));
  }
  return made;
}

}  // namespace must::detail

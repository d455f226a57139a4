// SPDX-License-Identifier: MIT
// CRC-32C, the checksum of Castagnoli: it finds damage by chance, and none by intent. \see RFC 3720, appendix B.4
#pragma once

#include "must/config.hpp"  // IWYU pragma: keep

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

#ifdef __x86_64__
#include <cpuid.h>
#include <cstring>
#endif

namespace must::detail {

#ifdef __x86_64__
// Whether the machine has the instruction crc32.
inline const bool has_crc32 = [] {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_SSE4_2) != 0;
}();

// Returns what crc32c returns, by the instruction.
[[gnu::target("sse4.2")]] inline std::uint32_t crc32c_of_machine(std::string_view bytes,
                                                                 std::uint32_t before) noexcept {
  std::uint64_t crc = ~before;
  const auto* at = bytes.data();
  auto left = bytes.size();
  for (; left >= 8; at += 8, left -= 8) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, at, 8);
    crc = __builtin_ia32_crc32di(crc, eight);
  }
  auto rest = static_cast<std::uint32_t>(crc);
  for (; left > 0; ++at, --left) rest = __builtin_ia32_crc32qi(rest, static_cast<unsigned char>(*at));
  return ~rest;
}
#endif

// Tables for eight bytes at once.
inline constexpr auto crc32c_tables = [] {
  std::array<std::array<std::uint32_t, 256>, 8> tables{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    auto rest = i;
    for (int bit = 0; bit < 8; ++bit) rest = (rest >> 1U) ^ ((rest & 1U) != 0 ? 0x82F6'3B78U : 0);
    tables[0][i] = rest;
  }
  for (std::size_t k = 1; k < 8; ++k)
    for (std::size_t i = 0; i < 256; ++i) tables[k][i] = (tables[k - 1][i] >> 8U) ^ tables[0][tables[k - 1][i] & 0xFFU];
  return tables;
}();

// Returns the checksum of bytes that follow others, whose checksum is `before`. That of no bytes is 0.
[[nodiscard]] constexpr std::uint32_t crc32c(std::string_view bytes, std::uint32_t before = 0) noexcept {
#ifdef __x86_64__
  if (!std::is_constant_evaluated() && has_crc32) return crc32c_of_machine(bytes, before);
#endif
  const auto& tables = crc32c_tables;
  const auto byte = [&](std::size_t i) { return std::uint32_t{static_cast<unsigned char>(bytes[i])}; };
  const auto word = [&](std::size_t i) {
    return byte(i) | byte(i + 1) << 8U | byte(i + 2) << 16U | byte(i + 3) << 24U;
  };
  auto crc = ~before;
  std::size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    const auto low = crc ^ word(at), high = word(at + 4);
    crc = tables[7][low & 0xFFU] ^ tables[6][low >> 8U & 0xFFU] ^ tables[5][low >> 16U & 0xFFU] ^
          tables[4][low >> 24U] ^ tables[3][high & 0xFFU] ^ tables[2][high >> 8U & 0xFFU] ^
          tables[1][high >> 16U & 0xFFU] ^ tables[0][high >> 24U];
  }
  for (; at < bytes.size(); ++at) crc = (crc >> 8U) ^ tables[0][(crc ^ byte(at)) & 0xFFU];
  return ~crc;
}

}  // namespace must::detail

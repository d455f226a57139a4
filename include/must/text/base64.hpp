// SPDX-License-Identifier: MIT
// Base64 with padding, to and from bytes. RFC 4648, section 4.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace must::detail::text {

inline constexpr std::string_view base64_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

inline std::string to_base64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const auto three = bytes.substr(at, 3);
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i)
      bits = (bits << 8U) | (i < three.size() ? std::uint32_t{static_cast<unsigned char>(three[i])} : 0U);
    for (std::size_t i = 0; i < 4; ++i)
      text += i <= three.size() ? base64_alphabet[(bits >> (18U - 6U * i)) & 63U] : '=';
  }
  return text;
}

// Returns the bytes, or nothing unless the text is padded, has no other characters, and no bits beyond the last byte.
inline std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  const auto value = [](char c) -> std::uint32_t {
    if (c >= 'A' && c <= 'Z') return static_cast<std::uint32_t>(c - 'A');
    if (c >= 'a' && c <= 'z') return static_cast<std::uint32_t>(c - 'a') + 26;
    if (c >= '0' && c <= '9') return static_cast<std::uint32_t>(c - '0') + 52;
    return c == '+' ? 62 : c == '/' ? 63 : 64;
  };
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (std::size_t at = 0; at < text.size(); at += 4) {
    const bool last = at + 4 == text.size();
    const std::size_t padding = !last || text[at + 3] != '=' ? 0 : text[at + 2] == '=' ? 2 : 1;
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      const auto six = i < 4 - padding ? value(text[at + i]) : 0;
      if (six > 63) return std::nullopt;
      bits = (bits << 6U) | six;
    }
    if ((bits & ((1U << (8U * padding)) - 1U)) != 0) return std::nullopt;
    for (std::size_t i = 0; i < 3 - padding; ++i)
      bytes += static_cast<char>(static_cast<unsigned char>((bits >> (16U - 8U * i)) & 255U));
  }
  return bytes;
}

}  // namespace must::detail::text

// SPDX-License-Identifier: MIT
// HMAC with SHA-256, as in RFC 2104, and digests in hexadecimal digits.
#pragma once

#include "must/detail/sha256.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace must::detail::http {

using sha256_digest = std::array<std::uint8_t, 32>;

inline sha256_digest sha256_of(std::string_view bytes) {
  sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

inline std::string_view bytes_of(const sha256_digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

inline sha256_digest hmac_sha256(std::string_view key, std::string_view text) {
  constexpr std::size_t block = 64;
  const auto shorter = sha256_of(key);
  if (key.size() > block) key = bytes_of(shorter);
  std::string inner(block, '\x36'), outer(block, '\x5c');
  for (std::size_t i = 0; i < key.size(); ++i) {
    inner[i] = static_cast<char>(inner[i] ^ key[i]);
    outer[i] = static_cast<char>(outer[i] ^ key[i]);
  }
  sha256 first, second;
  first.update(inner);
  first.update(text);
  second.update(outer);
  second.update(bytes_of(first.finish()));
  return second.finish();
}

inline std::string to_hex(const sha256_digest& digest) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const auto byte : digest) (text += digits[byte >> 4U]) += digits[byte & 15U];
  return text;
}

}  // namespace must::detail::http

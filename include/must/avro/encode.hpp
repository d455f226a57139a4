// SPDX-License-Identifier: MIT
// Writes Avro's binary encoding: numbers, texts, arrays and maps.
#pragma once

#include "must/config.hpp"  // IWYU pragma: keep

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace must::detail::avro {

// Appends a number of the type int or long, in as few bytes as it needs. \see Avro 1.9.0, "Binary Encoding"
inline void append_long(std::string& out, std::int64_t number) {
  const auto bits = static_cast<std::uint64_t>(number);
  auto zigzag = (bits << 1U) ^ (0 - (bits >> 63U));
  char bytes[10];
  std::size_t size = 0;
  for (; zigzag >= 0x80; zigzag >>= 7U) bytes[size++] = static_cast<char>(static_cast<unsigned char>(zigzag | 0x80U));
  bytes[size++] = static_cast<char>(static_cast<unsigned char>(zigzag));
  out.append(bytes, size);
}

inline void append_boolean(std::string& out, bool truth) { out += truth ? '\1' : '\0'; }

// Appends a value of the type bytes or string, which are written alike.
inline void append_bytes(std::string& out, std::string_view bytes) {
  append_long(out, static_cast<std::int64_t>(bytes.size()));
  out += bytes;
}

// Appends an array or a map in one block, from its items one after another.
inline void append_items(std::string& out, std::size_t count, std::string_view encoded) {
  if (count > 0) {
    append_long(out, static_cast<std::int64_t>(count));
    out += encoded;
  }
  append_long(out, 0);
}

}  // namespace must::detail::avro

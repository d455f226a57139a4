// SPDX-License-Identifier: MIT
// UTF-8: tells whether a text is, gives its code points, and tells which ones CloudEvents bars.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace must::detail::text {

// Returns whether `text` is UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF. \see RFC 3629, section 4
inline bool is_utf8(std::string_view text) {
  const auto* at = reinterpret_cast<const unsigned char*>(text.data());
  const auto* const end = at + text.size();
  while (at != end) {
    if (end - at >= 8) {
      std::uint64_t eight = 0;
      std::memcpy(&eight, at, 8);
      if ((eight & 0x8080808080808080U) == 0) {
        at += 8;
        continue;
      }
    }
    const unsigned lead = *at++;
    if (lead < 0x80) continue;
    const int more = lead >= 0xC2 && lead <= 0xDF   ? 1
                     : (lead & 0xF0U) == 0xE0       ? 2
                     : lead >= 0xF0 && lead <= 0xF4 ? 3
                                                    : 0;
    if (more == 0 || end - at < more) return false;
    if ((lead == 0xE0 && *at < 0xA0) || (lead == 0xED && *at > 0x9F)) return false;
    if ((lead == 0xF0 && *at < 0x90) || (lead == 0xF4 && *at > 0x8F)) return false;
    for (int i = 0; i < more; ++i)
      if ((*at++ & 0xC0U) != 0x80) return false;
  }
  return true;
}

// Returns at most `most` bytes of UTF-8, and no half of a character.
inline std::string_view cut(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0U) == 0x80) --most;
  return text.substr(0, most);
}

// Takes the code point at the front of valid UTF-8 away, and returns it. Of other bytes it takes one at least, and
// returns any number.
inline std::uint32_t take_code_point(std::string_view& text) {
  const auto byte = [&text](std::size_t at) { return std::uint32_t{static_cast<unsigned char>(text[at])}; };
  const auto lead = byte(0);
  const std::size_t whole = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  const auto size = whole < text.size() ? whole : text.size();
  std::uint32_t code = size == 1 ? lead : lead & (0x7FU >> size);
  for (std::size_t i = 1; i < size; ++i) code = (code << 6U) | (byte(i) & 0x3FU);
  text.remove_prefix(size);
  return code;
}

// Returns whether CloudEvents bars the code point from strings. \see CloudEvents 1.0.2, "Type System", String
constexpr bool is_barred_character(std::uint32_t code) {
  return code < 0x20 || (code >= 0x7F && code <= 0x9F) || (code >= 0xFDD0 && code <= 0xFDEF) ||
         (code & 0xFFFEU) == 0xFFFE;
}

}  // namespace must::detail::text

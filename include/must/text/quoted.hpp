// SPDX-License-Identifier: MIT
// A text of somebody else's within a message: quoted, escaped and cut.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace must::detail::text {

// A text for a message: at most 64 bytes of it, with what cannot be printed escaped.
inline std::string in_quotes(std::string_view text) {
  constexpr char hex[] = "0123456789abcdef";
  constexpr std::size_t shown = 64;
  std::string out = "\"";
  for (const char c : text.substr(0, shown)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7F && c != '"' && c != '\\')
      out += c;
    else
      (out += "\\x") += {hex[byte >> 4U], hex[byte & 15U]};
  }
  return out += text.size() > shown ? "...\"" : "\"";
}

}  // namespace must::detail::text

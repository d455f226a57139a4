// SPDX-License-Identifier: MIT
// A text of somebody else within a message: it is escaped and cut, with quotes or without.
#pragma once

#include "must/text/utf8.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace must::detail::text {

inline void append_escaped(std::string& out, char c) {
  constexpr char hex[] = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  (out += "\\x") += {hex[byte >> 4U], hex[byte & 15U]};
}

// Returns a name or a value for a message, with all that is not printable ASCII escaped: at most 64 bytes of it, and no
// more of them than fit into 128 characters.
inline std::string in_quotes(std::string_view text) {
  constexpr std::size_t shown = 64, longest = 128;
  std::string out = "\"";
  std::size_t taken = 0;
  for (; taken < text.size() && taken < shown && out.size() + 4 <= longest; ++taken) {
    const char c = text[taken];
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7F && c != '"' && c != '\\')
      out += c;
    else
      append_escaped(out, c);
  }
  return out += taken < text.size() ? "...\"" : "\"";
}

// Returns whether a code point moves text, hides it, or ends its line.
constexpr bool is_unprintable(std::uint32_t code) {
  return is_barred_character(code) || (code >= 0x200B && code <= 0x200F) || (code >= 0x2028 && code <= 0x202E) ||
         (code >= 0x2060 && code <= 0x206F) || code == 0xFEFF;
}

// Returns a sentence of somebody else for a message, such as what an exception says: at most 512 bytes of it, with what
// is not printable escaped. Letters of any script stay what they are.
inline std::string printable(std::string_view text) {
  constexpr std::size_t shown = 512;
  const auto kept = cut(text, shown);
  const bool valid = is_utf8(kept);
  std::string out;
  for (auto rest = kept; !rest.empty();) {
    const auto before = rest;
    std::uint32_t code = static_cast<unsigned char>(rest.front());
    if (valid)
      code = take_code_point(rest);
    else
      rest.remove_prefix(1);
    const auto bytes = before.substr(0, before.size() - rest.size());
    if (!is_unprintable(code) && (valid || code < 0x80))
      out += bytes;
    else
      for (const char c : bytes) append_escaped(out, c);
  }
  return kept.size() < text.size() ? out += "..." : out;
}

// Returns a text that is UTF-8 as it is, and any other as printable() does.
inline std::string as_utf8(std::string_view text) { return is_utf8(text) ? std::string(text) : printable(text); }

}  // namespace must::detail::text

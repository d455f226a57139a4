// SPDX-License-Identifier: MIT
// The values of HTTP headers: percent-encoding, both ways.
#pragma once

#include "must/config.hpp"  // IWYU pragma: keep

#include <cstddef>
#include <string>
#include <string_view>

namespace must::cloudevents {

/// Encodes a text as the value of an HTTP header. Spaces, `"`, `%` and all but printable ASCII become `%XX`.
/// \see HTTP Protocol Binding 1.0.2, section 3.1.3.2
[[nodiscard]] inline std::string percent_encoded(std::string_view text) {
  constexpr char hex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x20 && byte < 0x7F && c != '"' && c != '%')
      out += c;
    else
      (out += '%') += {hex[byte >> 4U], hex[byte & 15U]};
  }
  return out;
}

/// Decodes the value of an HTTP header. A quoted-string is undone first, and then each `%XX` is decoded once. A `%`
/// stays when two hexadecimal digits do not follow it.
[[nodiscard]] inline std::string percent_decoded(std::string_view text) {
  std::string unquoted;
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    text = text.substr(1, text.size() - 2);
    for (std::size_t at = 0; at < text.size(); ++at) {
      if (text[at] == '\\' && at + 1 < text.size()) ++at;
      unquoted += text[at];
    }
    text = unquoted;
  }
  const auto digit = [&text](std::size_t at) {
    if (at >= text.size()) return -1;
    const char c = text[at];
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
  };
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '%' && digit(at + 1) >= 0 && digit(at + 2) >= 0) {
      out += static_cast<char>(static_cast<unsigned char>(digit(at + 1) * 16 + digit(at + 2)));
      at += 2;
    } else {
      out += text[at];
    }
  }
  return out;
}

}  // namespace must::cloudevents

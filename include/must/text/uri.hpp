// SPDX-License-Identifier: MIT
// Tells whether a text is a URI-reference or an absolute URI. RFC 3986, section 4 and appendix A.
#pragma once

#include "must/config.hpp"  // IWYU pragma: keep

#include <cstddef>
#include <string_view>

namespace must::detail::text {

constexpr bool is_alpha(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_hex_digit(char c) { return is_digit(c) || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f'); }

// Returns whether a character is one of unreserved or sub-delims.
constexpr bool is_plain_uri_character(char c) {
  return is_alpha(c) || is_digit(c) ||
         (c != '\0' && std::string_view("-._~!$&'()*+,;=").find(c) != std::string_view::npos);
}

// Returns whether `text` is made of plain characters, percent-encoded ones, and those of `more`.
constexpr bool is_uri_part(std::string_view text, std::string_view more) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '%') {
      if (text.size() - at < 3 || !is_hex_digit(text[at + 1]) || !is_hex_digit(text[at + 2])) return false;
      at += 2;
    } else if (!is_plain_uri_character(c) && more.find(c) == std::string_view::npos) {
      return false;
    }
  }
  return true;
}

// Takes what stands before the first of `ends`, which stays.
constexpr std::string_view take_until(std::string_view& text, std::string_view ends) {
  const auto part = text.substr(0, text.find_first_of(ends));
  text.remove_prefix(part.size());
  return part;
}

constexpr bool is_ipv4(std::string_view text) {
  for (int i = 0; i < 4; ++i) {
    const auto octet = take_until(text, ".");
    if (octet.empty() || octet.size() > 3 || (octet.size() > 1 && octet.front() == '0')) return false;
    int value = 0;
    for (const char c : octet) {
      if (!is_digit(c)) return false;
      value = value * 10 + (c - '0');
    }
    if (value > 255 || text.empty() != (i == 3)) return false;
    if (i < 3) text.remove_prefix(1);
  }
  return true;
}

constexpr bool is_ipv6(std::string_view text) {
  int groups = 0;
  bool shortened = false;
  if (text.starts_with(":") && !text.starts_with("::")) return false;
  while (!text.empty()) {
    if (text.starts_with("::")) {
      if (shortened) return false;
      shortened = true;
      text.remove_prefix(2);
      if (text.empty()) break;
    } else if (groups > 0) {
      text.remove_prefix(1);  // This removes the ":" that take_until left.
    }
    const auto group = take_until(text, ":");
    if (text.empty() && group.find('.') != std::string_view::npos) {
      if (!is_ipv4(group)) return false;
      groups += 2;
      break;
    }
    if (group.empty() || group.size() > 4) return false;
    for (const char c : group)
      if (!is_hex_digit(c)) return false;
    if (++groups > 8) return false;
  }
  return shortened ? groups < 8 : groups == 8;
}

// Returns whether what stands between "[" and "]" is an IPv6address or an IPvFuture.
constexpr bool is_ip_literal(std::string_view text) {
  if (!text.starts_with('v') && !text.starts_with('V')) return is_ipv6(text);
  text.remove_prefix(1);
  const auto number = take_until(text, ".");
  for (const char c : number)
    if (!is_hex_digit(c)) return false;
  return !number.empty() && text.size() > 1 && text.find('%') == std::string_view::npos &&
         is_uri_part(text.substr(1), ":");
}

// Returns whether a text is [ userinfo "@" ] host [ ":" port ].
constexpr bool is_uri_authority(std::string_view text) {
  if (const auto at = text.find('@'); at != std::string_view::npos) {
    if (!is_uri_part(text.substr(0, at), ":")) return false;
    text.remove_prefix(at + 1);
  }
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos || !is_ip_literal(text.substr(1, end - 1))) return false;
    text.remove_prefix(end + 1);
    if (!text.empty() && !text.starts_with(':')) return false;
  } else if (!is_uri_part(take_until(text, ":"), {})) {
    return false;
  }
  for (std::size_t at = 1; at < text.size(); ++at)
    if (!is_digit(text[at])) return false;
  return true;
}

// Returns whether a text is what follows a scheme: [ "//" authority ] path [ "?" query ] [ "#" fragment ].
constexpr bool is_uri_rest(std::string_view text) {
  if (text.starts_with("//")) {
    text.remove_prefix(2);
    if (!is_uri_authority(take_until(text, "/?#"))) return false;
  }
  if (!is_uri_part(take_until(text, "?#"), ":@/")) return false;
  if (text.starts_with('?')) {
    text.remove_prefix(1);
    if (!is_uri_part(take_until(text, "#"), ":@/?")) return false;
  }
  return text.empty() || is_uri_part(text.substr(1), ":@/?");
}

// Returns the length of the scheme at the front of `text`, without its ":", and 0 when there is none.
constexpr std::size_t scheme_length(std::string_view text) {
  if (text.empty() || !is_alpha(text.front())) return 0;
  for (std::size_t at = 1; at < text.size(); ++at) {
    const char c = text[at];
    if (c == ':') return at;
    if (!is_alpha(c) && !is_digit(c) && c != '+' && c != '-' && c != '.') return 0;
  }
  return 0;
}

/// Returns whether a text is an absolute URI, which has a scheme and no fragment. \see RFC 3986, section 4.3
constexpr bool is_absolute_uri(std::string_view text) {
  const auto scheme = scheme_length(text);
  return scheme > 0 && text.find('#') == std::string_view::npos && is_uri_rest(text.substr(scheme + 1));
}

/// Returns whether a text is a URI-reference. The first segment of a path without a scheme has no ":".
/// \see RFC 3986, section 4.1
constexpr bool is_uri_reference(std::string_view text) {
  if (const auto scheme = scheme_length(text); scheme > 0) return is_uri_rest(text.substr(scheme + 1));
  return text.substr(0, text.find_first_of("/?#")).find(':') == std::string_view::npos && is_uri_rest(text);
}

}  // namespace must::detail::text

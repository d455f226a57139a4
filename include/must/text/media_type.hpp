// SPDX-License-Identifier: MIT
// Media types: tells whether a text is one, and whether it declares JSON.
#pragma once

#include <cstddef>
#include <string_view>

namespace must::detail::text {

// Returns whether a character may be in a token. \see RFC 2045, section 5.1
constexpr bool is_token_character(char c) {
  return c > ' ' && c < '\x7F' && std::string_view("()<>@,;:\\\"/[]?=").find(c) == std::string_view::npos;
}

// Returns the length of the token at the front of `text`.
constexpr std::size_t token_length(std::string_view text) {
  std::size_t length = 0;
  while (length < text.size() && is_token_character(text[length])) ++length;
  return length;
}

// Returns the length of the quoted-string at the front of `text`, 0 when there is none. \see RFC 822, section 3.3
constexpr std::size_t quoted_string_length(std::string_view text) {
  if (text.empty() || text.front() != '"') return 0;
  for (std::size_t at = 1; at < text.size(); ++at) {
    if (text[at] == '"') return at + 1;
    if (text[at] == '\\') ++at;
    if (at == text.size() || text[at] < ' ' || text[at] > '~') return 0;
  }
  return 0;
}

// Returns whether `text` is `type/subtype; name=value; name="value" ...`. \see RFC 2046, section 1; RFC 2045, section
// 5.1
constexpr bool is_media_type(std::string_view text) {
  const auto take = [&text](std::size_t length) { return text.remove_prefix(length), length > 0; };
  const auto take_one = [&text](char c) {
    if (text.empty() || text.front() != c) return false;
    text.remove_prefix(1);
    return true;
  };
  if (!take(token_length(text)) || !take_one('/') || !take(token_length(text))) return false;
  while (!text.empty()) {
    while (take_one(' ')) {}
    if (!take_one(';')) return false;
    while (take_one(' ')) {}
    if (!take(token_length(text)) || !take_one('=')) return false;
    if (!take(quoted_string_length(text)) && !take(token_length(text))) return false;
  }
  return true;
}

constexpr char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

// Returns whether `text` begins with `prefix`, which is in lower case, whatever the case of `text`.
constexpr bool starts_with_lower(std::string_view text, std::string_view prefix) {
  if (text.size() < prefix.size()) return false;
  for (std::size_t i = 0; i < prefix.size(); ++i)
    if (ascii_lower(text[i]) != prefix[i]) return false;
  return true;
}

// Returns whether a media type declares a charset whose text may look like UTF-8 but is not: UTF-16, UTF-32, UCS-2.
constexpr bool is_wide_text(std::string_view media_type) {
  for (std::size_t at = 0; at < media_type.size(); ++at) {
    if (!starts_with_lower(media_type.substr(at), "charset=")) continue;
    auto name = media_type.substr(at + std::string_view("charset=").size());
    if (name.starts_with('"')) name.remove_prefix(1);
    for (const std::string_view wide : {"utf-16", "utf-32", "ucs-2", "iso-10646"})
      if (starts_with_lower(name, wide)) return true;
  }
  return false;
}

// Returns whether a media type without parameters is `*/json` or `*/*+json`, in any case.
// \see CloudEvents 1.0.2, JSON Event Format, section 3.1.1
constexpr bool is_json_media_type(std::string_view text) {
  const auto slash = token_length(text);
  if (slash == 0 || slash == text.size() || text[slash] != '/') return false;
  text.remove_prefix(slash + 1);
  const auto subtype = text.substr(0, token_length(text));
  constexpr std::string_view json = "json";
  if (subtype.size() < json.size()) return false;
  const auto ending = subtype.size() - json.size();
  for (std::size_t i = 0; i < json.size(); ++i)
    if (ascii_lower(subtype[ending + i]) != json[i]) return false;
  return ending == 0 || subtype[ending - 1] == '+';
}

}  // namespace must::detail::text

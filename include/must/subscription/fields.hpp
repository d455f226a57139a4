// SPDX-License-Identifier: MIT
// The content of a cell as a list of texts.
#pragma once

#include "must/error.hpp"
#include "must/text/quoted.hpp"
#include "must/text/utf8.hpp"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace must::detail::following {

// Joins texts without NUL into one.
inline std::string join_fields(const std::vector<std::string>& fields) {
  std::string all;
  for (const auto& field : fields) {
    all += field;
    all += '\0';
  }
  return all;
}
inline std::vector<std::string> split_fields(std::string_view all) {
  std::vector<std::string> fields;
  while (!all.empty()) {
    const auto end = all.find('\0');
    fields.emplace_back(all.substr(0, end));
    all.remove_prefix(end == std::string_view::npos ? all.size() : end + 1);
  }
  return fields;
}
inline std::string cell_text(std::string_view text, std::size_t most = 500) {
  std::string kept;
  for (const auto byte : text::cut(text, most)) kept += byte == '\0' ? ' ' : byte;
  return kept;
}
// Writes a text that may have NUL into a field, and reads it back.
inline std::string escape_nul(std::string_view text) {
  std::string kept;
  for (const auto byte : text) (byte == '\0' || byte == '%') ? kept += (byte == '%' ? "%25" : "%00") : kept += byte;
  return kept;
}
inline std::string unescape_nul(std::string_view text) {
  std::string made;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto code = text.substr(at, 3);
    const bool is_code = code == "%25" || code == "%00";
    made += code == "%00" ? '\0' : text[at];
    if (is_code) at += 2;
  }
  return made;
}
[[noreturn]] inline void refuse_cell(const std::string& why) {
  raise({.code = error_code::storage_error, .message = "a cell of a subscription " + why, .operation = "get"});
}
// Returns the number in a field, 0 where there is none.
template <typename Number = std::uint64_t>
Number read_count(const std::vector<std::string>& fields, std::size_t at,
                  Number most = std::numeric_limits<Number>::max()) {
  Number count = 0;
  if (at >= fields.size()) return count;
  const auto* const end = fields[at].data() + fields[at].size();
  const auto [stop, failure] = std::from_chars(fields[at].data(), end, count);
  if (failure != std::errc() || stop != end || count > most)
    refuse_cell("is damaged: it has " + text::in_quotes(fields[at]) + " where a number belongs");
  return count;
}
inline std::string read_field(const std::vector<std::string>& fields, std::size_t at) {
  return at < fields.size() ? fields[at] : std::string();
}

}  // namespace must::detail::following

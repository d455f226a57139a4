// SPDX-License-Identifier: MIT
// The error of an object that is not what it must be, and the keys of a durable log.
#pragma once

#include "must/error.hpp"
#include "must/fwd.hpp"

#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace must::detail::durable {

inline constexpr std::string_view manifest_key = "manifest.json";
inline constexpr std::string_view log_folder = "log/";
inline constexpr std::string_view segment_folder = "seg/";
inline constexpr std::string_view suffix = ".avro";
inline constexpr std::size_t position_digits = 20;

[[noreturn]] inline void raise_damaged(std::string_view key, std::string_view what) {
  raise({.code = error_code::storage_error,
         .message = "the object " + std::string(key) + " is damaged: " + std::string(what),
         .operation = "read",
         .backend_code = "damaged"});
}

// Twenty digits, so that the order of texts is the order of positions.
[[nodiscard]] inline std::string digits_of(position at) {
  auto text = std::to_string(at);
  return text.insert(0, position_digits - text.size(), '0');
}
// Returns the key of the commit that begins at a position.
[[nodiscard]] inline std::string log_key(position first) {
  return std::string(log_folder).append(digits_of(first)).append(suffix);
}
// Returns the position at the start of the name of an object of a folder, or nothing where there is none.
[[nodiscard]] inline std::optional<position> position_of(std::string_view key, std::string_view folder) {
  if (!key.starts_with(folder)) return std::nullopt;
  const auto digits = key.substr(folder.size(), position_digits);
  position found = 0;
  const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), found);
  if (digits.size() < position_digits || end.ec != std::errc() || end.ptr != digits.data() + digits.size())
    return std::nullopt;
  return found;
}

}  // namespace must::detail::durable

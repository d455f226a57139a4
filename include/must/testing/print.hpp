// SPDX-License-Identifier: MIT
// Values as text, for the messages of tests.
#pragma once

#include "must/detail/digest.hpp"
#include "must/detail/members.hpp"
#include "must/stream_version.hpp"
#include "must/timestamp.hpp"

#include <algorithm>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <variant>
#include <vector>

namespace must::testing {

template <typename T>
std::string print(const T& value);

namespace detail {

using must::detail::shape;
using must::detail::shape_of;

template <typename T>
constexpr auto spelling_of() {
  return __PRETTY_FUNCTION__;  // "... [with T = a::B<c>]", "... [T = a::B<c>]"
}

// Returns the name of a type without namespaces, enclosing classes and template arguments, and "?" for one without a
// name.
template <typename T>
std::string name_of_type() {
  std::string_view spelled = spelling_of<T>();
  spelled.remove_prefix(spelled.find("T = ") + 4);
  spelled.remove_suffix(1);
  if (!spelled.empty() && spelled.back() == '>') {
    std::size_t depth = 0;
    do {
      depth += spelled.back() == '>';
      depth -= spelled.back() == '<';
      spelled.remove_suffix(1);
    } while (depth > 0 && !spelled.empty());
  }
  const auto in_name = [](char c) {
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c < 0 || c > '~';
  };
  std::size_t size = 0;
  while (size < spelled.size() && in_name(spelled[spelled.size() - 1 - size])) ++size;
  return size == 0 ? "?" : std::string(spelled.substr(spelled.size() - size));
}

inline std::string quoted(std::string_view text, char quote) {
  constexpr std::string_view named = "\nn\tt\rr";
  std::string out(1, quote);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == quote || c == '\\')
      (out += '\\') += c;
    else if (const auto at = named.find(c); at != std::string_view::npos && at % 2 == 0)
      (out += '\\') += named[at + 1];
    else if (byte < 0x20 || byte == 0x7F)
      ((out += "\\x") += "0123456789abcdef"[byte >> 4U]) += "0123456789abcdef"[byte & 15U];
    else
      out += c;
  }
  return out += quote;
}

template <typename Number>
std::string number(Number value) {
  char digits[64];
  if constexpr (std::is_floating_point_v<Number>)
    return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
  else if constexpr (std::is_signed_v<Number>)
    return {digits, std::to_chars(digits, digits + sizeof digits, static_cast<long long>(value)).ptr};
  else
    return {digits, std::to_chars(digits, digits + sizeof digits, static_cast<unsigned long long>(value)).ptr};
}

template <typename Span>
std::string with_unit(const std::string& count) {
  constexpr auto num = static_cast<std::int64_t>(Span::period::num);
  constexpr auto den = static_cast<std::int64_t>(Span::period::den);
  constexpr struct {
    std::int64_t num, den;
    const char* unit;
  } units[] = {{1, 1'000'000'000, "ns"}, {1, 1'000'000, "us"}, {1, 1'000, "ms"}, {1, 1, "s"},
               {60, 1, "min"},           {3'600, 1, "h"},      {86'400, 1, "d"}};
  for (const auto& known : units)
    if (known.num == num && known.den == den) return count + known.unit;
  return count + "[" + std::to_string(num) + "/" + std::to_string(den) + "]s";
}

template <typename... Part>
std::string joined(const char* open, const char* close, const Part&... part) {
  std::string text = open;
  [[maybe_unused]] const char* between = "";
  (((text += between) += testing::print(part), between = ", "), ...);
  return text += close;
}

}  // namespace detail

/// Returns a value as one line of text, such as `UserActivated{123, "a"}` or `[1, 2]`.
///
/// A value that has to_string() is shown by it. Plain structs are shown by their members, up to 16, tuples as
/// `(1, "a")`, enums as `Color(2)`, optionals and variants as what they hold, or `none`. A value that cannot be shown
/// is `?`.
template <typename T>
[[nodiscard]] std::string print(const T& value) {
  constexpr auto kind = detail::shape_of<T>::value;
  if constexpr (std::is_same_v<T, bool>) {
    return value ? "true" : "false";
  } else if constexpr (std::is_same_v<T, char>) {
    return detail::quoted({&value, 1}, '\'');
  } else if constexpr (std::is_enum_v<T>) {
    return detail::name_of_type<T>() + "(" + detail::number(static_cast<std::underlying_type_t<T>>(value)) + ")";
  } else if constexpr (std::is_arithmetic_v<T>) {
    return detail::number(value);
  } else if constexpr (must::detail::is_text<T>) {
    if constexpr (std::is_pointer_v<T>)
      if (value == nullptr) return "nullptr";
    return detail::quoted(std::string_view(value), '"');
  } else if constexpr (std::is_array_v<T> && std::is_same_v<std::remove_cv_t<std::remove_extent_t<T>>, char>) {
    return detail::quoted({value, static_cast<std::size_t>(std::find(value, value + sizeof value, '\0') - value)}, '"');
  } else if constexpr (requires {
                         { value.to_string() } -> std::convertible_to<std::string>;
                       }) {
    return value.to_string();
  } else if constexpr (std::is_same_v<T, duration>) {
    return detail::number(value.microseconds) + "us";
  } else if constexpr (std::is_same_v<T, version>) {
    return detail::number(value.value);
  } else if constexpr (must::detail::is_chrono_time_point<T>) {
    return testing::print(value.time_since_epoch());
  } else if constexpr (must::detail::is_chrono_duration<T>) {
    return detail::with_unit<T>(testing::print(value.count()));
  } else if constexpr (kind == detail::shape::members) {
    return detail::name_of_type<T>() +
           must::detail::for_members(value, [](const auto&... member) { return detail::joined("{", "}", member...); });
  } else if constexpr (kind == detail::shape::tuple) {
    return std::apply([](const auto&... part) { return detail::joined("(", ")", part...); }, value);
  } else if constexpr (kind == detail::shape::optional) {
    return value ? testing::print(*value) : "none";
  } else if constexpr (kind == detail::shape::variant) {
    if (value.valueless_by_exception()) return "valueless";
    return std::visit([](const auto& alternative) { return testing::print(alternative); }, value);
  } else if constexpr (kind == detail::shape::range || kind == detail::shape::hashed) {
    std::string text = "[";
    for (const auto& one : value) {
      if (text.size() > 1) text += ", ";
      text += testing::print<typename must::detail::element<T>::type>(one);
    }
    return text += ']';
  } else {
    return "?";
  }
}

/// Returns the difference of two lists of lines. A line of both starts with "  ", a line that is only expected with
/// "- ", and a line that is only in the actual ones with "+ ".
[[nodiscard]] inline std::string diff(const std::vector<std::string>& expected,
                                      const std::vector<std::string>& actual) {
  // With a larger table, all lines of the one stand before all of the other.
  constexpr std::size_t most_cells = 4'000'000;
  std::size_t first = 0, last = 0;  // So many lines are the same at the beginning and at the end.
  const auto shorter = std::min(expected.size(), actual.size());
  while (first < shorter && expected[first] == actual[first]) ++first;
  while (last < shorter - first && expected[expected.size() - 1 - last] == actual[actual.size() - 1 - last]) ++last;
  const auto rows = expected.size() - first - last, columns = actual.size() - first - last;

  // Holds the length of the longest common subsequence from a row and a column on.
  const bool small = rows < most_cells / (columns + 1);
  std::vector<std::size_t> common(small ? (rows + 1) * (columns + 1) : 0);
  const auto at = [&](std::size_t row, std::size_t column) -> std::size_t& {
    return common[row * (columns + 1) + column];
  };
  for (auto row = small ? rows : 0; row-- > 0;)
    for (auto column = columns; column-- > 0;)
      at(row, column) = expected[first + row] == actual[first + column]
                            ? at(row + 1, column + 1) + 1
                            : std::max(at(row + 1, column), at(row, column + 1));

  std::string text;
  const auto add = [&text](std::string_view mark, std::string_view line) {
    if (!text.empty()) text += '\n';
    (text += mark) += line;
  };
  for (std::size_t i = 0; i < first; ++i) add("  ", expected[i]);
  std::size_t row = 0, column = 0;
  while (row < rows || column < columns) {
    if (small && row < rows && column < columns && expected[first + row] == actual[first + column]) {
      add("  ", expected[first + row++]);
      ++column;
    } else if (row < rows && (!small || column == columns || at(row + 1, column) >= at(row, column + 1))) {
      add("- ", expected[first + row++]);
    } else {
      add("+ ", actual[first + column++]);
    }
  }
  for (auto i = expected.size() - last; i < expected.size(); ++i) add("  ", expected[i]);
  return text;
}

}  // namespace must::testing

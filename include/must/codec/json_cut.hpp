// SPDX-License-Identifier: MIT
// Finds numbers that nlohmann_json changes so that they fit their member, by writing again what was read.
#pragma once

#include "must/config.hpp"  // IWYU pragma: keep
#include "must/text/json_text.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>

namespace must::detail::coding {

// What went wrong in reading a document: a sentence, and the member that it is about, if that is known.
struct json_misfit {
  std::string message;
  std::string field;
};

// Returns whether a document has more levels than a text may have. It goes no deeper than that. What reads a document
// recurses, as nlohmann_json does that copies one, and so comes after this.
inline bool nests_too_deep(const nlohmann::json& document, std::size_t levels = text::json_depth_limit) {
  if (!document.is_structured()) return false;
  return levels == 0 || std::any_of(document.begin(), document.end(),
                                    [&](const nlohmann::json& member) { return nests_too_deep(member, levels - 1); });
}
inline json_misfit too_deep() {
  return {"it nests deeper than " + std::to_string(text::json_depth_limit) + " levels", {}};
}

// Returns whether an integer is what a float beyond its type becomes. Compilers and processors differ in that.
inline bool is_edge(std::uint64_t bits) {
  for (const std::uint64_t edge :
       {std::uint64_t{0}, std::uint64_t{0x7F}, std::uint64_t{0xFF}, std::uint64_t{0x7FFF}, std::uint64_t{0xFFFF},
        std::uint64_t{0x7FFFFFFF}, std::uint64_t{0xFFFFFFFF}, std::uint64_t{0x80000000}, UINT64_MAX >> 1U, UINT64_MAX})
    if (bits == edge || bits == ~edge) return true;
  return false;
}
// Returns whether nlohmann_json made the number `read` of another one: by dropping a fraction, or bits, or of true.
inline bool is_cut(const nlohmann::json& given, const nlohmann::json& read) {
  if (!read.is_number()) return false;
  if (given.is_boolean()) return read == (given.get<bool>() ? 1 : 0);
  if (!given.is_number()) return false;
  if (read.is_number_float()) {
    if (given.is_number_float()) return std::isinf(read.get<double>()) && std::isfinite(given.get<double>());
    const auto real = read.get<double>();
    if (given.is_number_unsigned())
      return !(real < 0x1p64) || static_cast<std::uint64_t>(real) != given.get<std::uint64_t>();
    return !(std::abs(real) <= 0x1p62) || static_cast<std::int64_t>(real) != given.get<std::int64_t>();
  }
  const auto negative = [](const nlohmann::json& number) {
    return number.is_number_integer() && !number.is_number_unsigned() && number.get<std::int64_t>() < 0;
  };
  if (read == given && (given.is_number_float() || negative(read) == negative(given))) return false;
  const auto bits = read.get<std::uint64_t>();
  if (!given.is_number_float()) return ((given.get<std::uint64_t>() - bits) & 0xFFU) == 0;
  const auto whole = std::trunc(given.get<double>());
  if (read.get<double>() == whole || !(std::abs(whole) < 0x1p63)) return true;
  const auto dropped = static_cast<std::uint64_t>(static_cast<std::int64_t>(whole)) - bits;
  return (dropped & 0xFFU) == 0 || (std::abs(whole) > 127 && is_edge(bits));
}

// Returns whether a document has a number that not every type of numbers holds.
inline bool may_be_cut(const nlohmann::json& document) {
  if (document.is_structured()) return std::any_of(document.begin(), document.end(), may_be_cut);
  if (!document.is_number_integer()) return document.is_number() || document.is_boolean();
  return !document.is_number_unsigned() || document.get<std::uint64_t>() > 127;
}

// Returns whether two arrays differ in order alone, as when one is read into a set.
inline bool is_reordered(nlohmann::json given, nlohmann::json read) {
  std::sort(given.begin(), given.end());
  std::sort(read.begin(), read.end());
  return std::equal(
      given.begin(), given.end(), read.begin(),
      [](const nlohmann::json& one, const nlohmann::json& other) { return one == other && !is_cut(one, other); });
}

// Finds the first number that was cut to fit its type.
inline std::optional<json_misfit> find_cut(const nlohmann::json& given, const nlohmann::json& read) {
  if (is_cut(given, read))
    return json_misfit{given.dump() + " does not fit its type: it would become " + read.dump(), {}};
  if (given.type() != read.type() || !given.is_structured() || (given.is_array() && given.size() != read.size()))
    return std::nullopt;
  for (auto member = read.begin(); member != read.end(); ++member) {
    auto name = read.is_object() ? member.key() : std::to_string(member - read.begin());
    if (read.is_object() && !given.contains(name)) continue;
    auto found =
        find_cut(read.is_object() ? given[name] : given[static_cast<std::size_t>(member - read.begin())], *member);
    if (!found) continue;
    if (read.is_array() && is_reordered(given, read)) return std::nullopt;
    found->field = found->field.empty() ? std::move(name) : std::move(name) + "." + found->field;
    return found;
  }
  return std::nullopt;
}

// Returns whether a number is written with a fraction or an exponent, and is so large that converting it to an integer
// of 32 bits is undefined.
inline bool is_far(const nlohmann::json& number) {
  return number.is_number_float() && !(std::abs(number.get_ref<const double&>()) < 0x1p31);
}
inline bool has_far_number(const nlohmann::json& document) {
  return document.is_structured() ? std::any_of(document.begin(), document.end(), has_far_number) : is_far(document);
}
// Returns a document whose far numbers are integers where they are whole. A half stands in the place of every other.
inline nlohmann::json without_far_numbers(nlohmann::json document) {
  if (document.is_structured()) {
    for (auto& member : document) member = without_far_numbers(std::move(member));
  } else if (is_far(document)) {
    const auto number = document.get<double>();
    if (number != std::trunc(number) || !(std::abs(number) < 0x1p63))
      document = 0.5;
    else
      document = static_cast<std::int64_t>(number);
  }
  return document;
}

}  // namespace must::detail::coding

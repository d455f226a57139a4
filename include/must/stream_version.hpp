// SPDX-License-Identifier: MIT
// version: the place of an event in its stream, which no position is taken for.
#pragma once

#include "must/config.hpp"  // IWYU pragma: keep

#include <compare>  // IWYU pragma: keep
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <string_view>  // IWYU pragma: keep, it declares std::hash
#include <type_traits>

namespace must {

/// The place of an event in its stream: 1, 2, 3 and so on, without gaps. 0 is the version of a stream without events.
///
/// It is a type of its own, so that a position is never taken for one: only an int converts, as in
/// `record.version == 3`. Any other number is turned into a version by name: `must::version(number)`.
struct version {
  /// The number.
  std::uint64_t value = 0;

  constexpr version() noexcept = default;
  /// Makes a version of a number such as 3. A negative one becomes a version that no stream has.
  template <std::same_as<int> Number>
  constexpr version(Number number) noexcept : value(static_cast<std::uint64_t>(number)) {}
  /// Makes a version of a number.
  constexpr explicit version(std::uint64_t number) noexcept : value(number) {}

  /// Goes to the version that follows, and returns it.
  constexpr version& operator++() noexcept {
    ++value;
    return *this;
  }
  /// Goes to the version that follows, and returns the one before.
  constexpr version operator++(int) noexcept { return version(value++); }

  friend constexpr auto operator<=>(const version&, const version&) = default;

  /// Writes the number to a stream.
  template <typename Char, typename Traits>
  friend std::basic_ostream<Char, Traits>& operator<<(std::basic_ostream<Char, Traits>& out, version which) {
    return out << which.value;
  }
  /// Writes the number as JSON, for nlohmann_json.
  template <typename Json>
  friend void to_json(Json& out, version which) {
    out = which.value;
  }
  /// Reads the number from JSON, for nlohmann_json.
  template <typename Json>
  friend void from_json(const Json& in, version& which) {
    in.get_to(which.value);
  }
};

namespace detail {

// Says why a number that is neither a version nor an int is refused where a version is expected.
template <typename Number>
constexpr void refuse_as_version() {
  static_assert(std::is_same_v<Number, version>,
                "must: a number such as a position is no version: must::version(number) makes a version of it");
}
template <typename Number>
concept OtherNumber = std::integral<Number> && !std::same_as<Number, int>;

}  // namespace detail
}  // namespace must

// NOLINTBEGIN(misc-include-cleaner): <string_view> declares std::hash, and costs less than <functional>.
/// The hash of a version.
template <>
struct std::hash<must::version> {
  /// Returns the hash of the number.
  [[nodiscard]] constexpr std::size_t operator()(must::version which) const noexcept {
    return static_cast<std::size_t>(which.value);
  }
};
// NOLINTEND(misc-include-cleaner)

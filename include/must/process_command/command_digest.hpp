// SPDX-License-Identifier: MIT
// The digest of a command's content, which tells a command that is sent again from another one under its id.
#pragma once

#include "must/detail/digest.hpp"
#include "must/detail/members.hpp"
#include "must/detail/names.hpp"

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

namespace must::detail::pipeline {

// Whether the parts of a T have digests of their own. A part of a T that is within a T has not.
template <typename T, typename... Outer>
inline constexpr bool is_split = !digestible_leaf<T>::value && shape_of<T>::value != shape::hashed &&
                                 shape_of<T>::value != shape::other && !(std::is_same_v<T, Outer> || ...);

template <typename T, typename... Outer>
consteval std::size_t count_digests();
template <typename... Part, typename... Outer>
consteval std::size_t count_digests_of(list<Part...>, list<Outer...>) {
  return (std::size_t{0} + ... + count_digests<Part, Outer...>());
}
// Returns the number of digests of a T: one for each part of each member, and one for each size, index and presence.
template <typename T, typename... Outer>
consteval std::size_t count_digests() {
  if constexpr (is_split<T, Outer...>)
    return (shape_of<T>::value == shape::members || shape_of<T>::value == shape::tuple ? 0 : 1) +
           count_digests_of(typename shape_of<T>::parts(), list<T, Outer...>());
  else
    return 1;
}

// Writes each part of a value to the writer of its digest. All elements of a range share the writers of one.
template <typename T, typename... Outer>
void put_parts(const T& value, content_writer* to) {
  constexpr auto kind = shape_of<T>::value;
  if constexpr (!is_split<T, Outer...>) {
    to->put(value);
  } else if constexpr (kind == shape::members || kind == shape::tuple) {
    const auto put_all = [&to]<typename... Part>(const Part&... part) {
      ((put_parts<std::remove_cv_t<Part>, T, Outer...>(part, to),
        to += count_digests<std::remove_cv_t<Part>, T, Outer...>()),
       ...);
    };
    if constexpr (kind == shape::members)
      for_members(value, put_all);
    else
      std::apply(put_all, value);
  } else if constexpr (kind == shape::optional) {
    to->put_word(value ? 1 : 0);
    if (value) put_parts<std::remove_cvref_t<decltype(*value)>, T, Outer...>(*value, to + 1);
  } else if constexpr (kind == shape::variant) {
    to->put_word(value.index());
    ++to;
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      const auto put_one = [&]<std::size_t At>(std::integral_constant<std::size_t, At>) {
        using part = std::variant_alternative_t<At, T>;
        if (const auto* one = std::get_if<At>(&value)) put_parts<part, T, Outer...>(*one, to);
        to += count_digests<part, T, Outer...>();
      };
      (put_one(std::integral_constant<std::size_t, I>()), ...);
    }(std::make_index_sequence<std::variant_size_v<T>>());
  } else {
    using part = typename element<T>::type;
    std::size_t size = 0;
    for (const auto& one : value) {
      put_parts<part, T, Outer...>(one, to + 1);
      ++size;
    }
    to->put_word(size);
  }
}

inline void put_hex(std::string& text, content_writer& writer, std::size_t bytes) {
  const auto digest = writer.finish();
  for (std::size_t i = 0; i < bytes; ++i)
    (text += "0123456789abcdef"[digest[i] >> 4U]) += "0123456789abcdef"[digest[i] & 15U];
}

inline constexpr std::size_t most_digests = 64;  // A command of more parts has one digest.
inline constexpr std::size_t digest_digits = 16;
inline constexpr char digests_mark = 'm';  // No hexadecimal digit.

// Returns the digests of the parts of a command, one after the other. These texts are stored: do not change them.
template <typename C>
std::string digests_of_parts(const C& command) {
  if constexpr (count_digests<C>() > most_digests) {
    return content_digest(command);
  } else {
    std::array<content_writer, count_digests<C>()> writers;
    put_parts<C>(command, writers.data());
    std::string text(1, digests_mark);
    for (auto& writer : writers) put_hex(text, writer, digest_digits / 2);
    return text;
  }
}

// Returns whether the digests are those of one command, as far as both its types at the time have the parts: a release
// may have added or removed some. An earlier release stored the digest of the whole.
inline bool are_of_one_command(std::string_view stored, std::string_view now, std::string_view whole) {
  if (stored == now || stored.empty() != now.empty()) return stored == now;
  if (stored.front() != digests_mark) return stored == whole;
  if (now.front() != digests_mark || stored.size() == now.size()) return false;
  auto fewer = stored.substr(1), more = now.substr(1);
  if (fewer.size() > more.size()) std::swap(fewer, more);
  for (; !fewer.empty() && !more.empty(); more.remove_prefix(digest_digits))
    if (fewer.substr(0, digest_digits) == more.substr(0, digest_digits)) fewer.remove_prefix(digest_digits);
  return fewer.empty();
}

}  // namespace must::detail::pipeline

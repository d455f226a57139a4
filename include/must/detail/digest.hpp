// SPDX-License-Identifier: MIT
// Digests of values by their content, and ids that are derived from names.
#pragma once

#include "must/detail/members.hpp"
#include "must/detail/sha256.hpp"
#include "must/fwd.hpp"
#include "must/stream_version.hpp"
#include "must/timestamp.hpp"
#include "must/uuid.hpp"

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <variant>

namespace must::detail {

template <typename T>
inline constexpr bool is_text = std::is_same_v<std::remove_cv_t<T>, const char*> ||
                                std::is_same_v<std::remove_cv_t<T>, char*> || requires(const T& text) {
                                  { text.data() } -> std::convertible_to<const char*>;
                                  requires std::is_convertible_v<const T&, std::string_view>;
                                  requires !has_members<T>;
                                };

// The durations and time points of std::chrono, without <chrono>.
template <typename T>
inline constexpr bool is_chrono_duration = !has_members<T> && requires(const T& span) {
  span.count();
  T::period::num;
  T::period::den;
};
template <typename T>
inline constexpr bool is_chrono_time_point = !has_members<T> && requires(const T& instant) {
  requires is_chrono_duration<std::remove_cvref_t<decltype(instant.time_since_epoch())>>;
};

template <typename T>
struct digestible_leaf
    : std::bool_constant<((std::is_integral_v<T> || std::is_enum_v<T>) && sizeof(T) <= 8) || std::is_same_v<T, float> ||
                         std::is_same_v<T, double> || is_text<T> || is_chrono_duration<T> || is_chrono_time_point<T> ||
                         std::is_same_v<T, duration> || std::is_same_v<T, version>> {};

// Whether content_digest can tell values of T apart. It cannot for pointers other than to text, long double, and
// classes that hide their members.
template <typename T>
inline constexpr bool is_digestible = holds_within<digestible_leaf, std::remove_cv_t<T>>();

// Writes values so that no two different ones give the same bytes. Each part starts with the tag of its kind. A part
// whose length varies is counted or ends with ']'. The width of integers does not show, so that a member may grow from
// 32 to 64 bits. These bytes are stored as digests: do not change them.
class content_writer {
 public:
  template <typename T>
  void put(const T& value) {
    constexpr auto kind = shape_of<T>::value;
    if constexpr (std::is_same_v<T, bool>) {
      tag(value ? 'T' : 'F');
    } else if constexpr (std::is_enum_v<T>) {
      put_integer(static_cast<std::underlying_type_t<T>>(value));
    } else if constexpr (std::is_same_v<T, char>) {
      put_integer(static_cast<unsigned char>(value));  // char is signed on some machines only.
    } else if constexpr (std::is_integral_v<T>) {
      put_integer(value);
    } else if constexpr (std::is_floating_point_v<T>) {
      put_floating(value);
    } else if constexpr (is_text<T>) {
      put_text(value);
    } else if constexpr (is_chrono_time_point<T>) {
      put(value.time_since_epoch());
    } else if constexpr (is_chrono_duration<T>) {
      tag('d');
      put_integer(T::period::num);
      put_integer(T::period::den);
      put(value.count());
    } else if constexpr (std::is_same_v<T, duration>) {
      put_integer(value.microseconds);
    } else if constexpr (std::is_same_v<T, version>) {
      put_integer(value.value);
    } else if constexpr (kind == shape::members) {
      tag('(');
      for_members(value, [this](const auto&... member) { (this->put(member), ...); });
      tag(')');
    } else if constexpr (kind == shape::optional) {
      tag(value ? '+' : '-');
      if (value) put(*value);
    } else if constexpr (kind == shape::variant) {
      tag('v');
      put_word(value.index());
      if (!value.valueless_by_exception())
        std::visit([this](const auto& alternative) { this->put(alternative); }, value);
    } else if constexpr (kind == shape::tuple) {
      tag('(');
      std::apply([this](const auto&... part) { (this->put(part), ...); }, value);
      tag(')');
    } else if constexpr (kind == shape::hashed) {
      put_unordered(value);
    } else {
      tag('[');
      for (const auto& one : value) put<typename element<T>::type>(one);
      tag(']');
    }
  }

  void put_word(std::uint64_t value) {
    char bytes[8];
    for (unsigned i = 0; i < 8; ++i) bytes[i] = static_cast<char>(static_cast<unsigned char>(value >> (56 - 8 * i)));
    hash_.update({bytes, sizeof bytes});
  }
  void put_bytes(std::string_view bytes) {
    put_word(bytes.size());
    hash_.update(bytes);
  }
  [[nodiscard]] std::array<std::uint8_t, 32> finish() { return hash_.finish(); }

 private:
  void tag(char kind) { hash_.update({&kind, 1}); }

  template <typename Integer>
  void put_integer(Integer value) {
    if constexpr (std::is_same_v<Integer, bool>) {
      put(value);
    } else {
      tag(std::is_signed_v<Integer> && value < Integer{} ? 'i' : 'u');
      put_word(static_cast<std::uint64_t>(value));
    }
  }
  // Writes a number by its bits as a double. All NaN are one, and so are both zeros, as == has it.
  void put_floating(double value) {
    tag('f');
    put_word(value != value ? 0x7FF8'0000'0000'0000U : value == 0.0 ? 0 : std::bit_cast<std::uint64_t>(value));
  }
  template <typename Text>
  void put_text(const Text& text) {
    if constexpr (std::is_pointer_v<Text>)
      if (text == nullptr) return tag('0');
    tag('s');
    put_bytes(std::string_view(text));
  }
  // Writes elements in the order of their digests.
  template <typename Range>
  void put_unordered(const Range& range) {
    std::map<std::array<std::uint8_t, 32>, std::size_t> digests;  // This counts how often each digest stands there.
    std::size_t count = 0;
    for (const auto& one : range) {
      content_writer writer;
      writer.put(one);
      ++digests[writer.finish()];
      ++count;
    }
    tag('{');
    put_word(count);
    for (const auto& [digest, times] : digests)
      for (std::size_t i = 0; i < times; ++i)
        for (const auto byte : digest) tag(static_cast<char>(byte));
  }

  sha256 hash_;
};

// Returns the SHA-256 of the content of a value, in 64 hexadecimal digits.
template <typename T>
std::string content_digest(const T& value) {
  static_assert(is_digestible<T>, "must: the value has parts that cannot be compared by content");
  content_writer writer;
  writer.put(value);
  std::string text;
  for (const unsigned byte : writer.finish())
    (text += "0123456789abcdef"[byte >> 4U]) += "0123456789abcdef"[byte & 15U];
  return text;
}

// Returns a UUIDv8 (RFC 9562, 5.8): the first 16 bytes of SHA-256 over source, type and id, each after its size, and
// the index. Sizes and index have 8 bytes, the highest first. These ids are stored: do not change them.
inline std::string uuid8(std::string_view source, std::string_view command_type, std::string_view command_id,
                         std::uint64_t index) {
  content_writer writer;
  writer.put_bytes(source);
  writer.put_bytes(command_type);
  writer.put_bytes(command_id);
  writer.put_word(index);
  const auto digest = writer.finish();
  std::uint64_t high = 0, low = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    high = (high << 8U) | digest[i];
    low = (low << 8U) | digest[i + 8];
  }
  return format_uuid(high, low, 8);
}

}  // namespace must::detail

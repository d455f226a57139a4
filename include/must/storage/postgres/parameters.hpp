// SPDX-License-Identifier: MIT
// Parameters of a statement, in PostgreSQL's binary format: numbers, texts, bytes, and arrays of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>
#include "postgres_ext.h"

namespace must::detail::postgres {

namespace pg_type {
inline constexpr Oid boolean = 16, bytes = 17, int8 = 20, int2 = 21, int4 = 23, text = 25;
// Returns the type of an array of `element`.
constexpr Oid array_of(Oid element) {
  return element == bytes ? 1001 : element == int8 ? 1016 : element == int2 ? 1005 : element == int4 ? 1007 : 1009;
}
}  // namespace pg_type

template <typename Integer>
void put_big_endian(std::string& to, Integer value) {
  const auto bits = static_cast<std::make_unsigned_t<Integer>>(value);
  char bytes[sizeof bits];
  for (std::size_t i = 0; i < sizeof bits; ++i)
    bytes[i] = static_cast<char>(static_cast<unsigned char>(bits >> (8 * (sizeof bits - 1 - i))));
  to.append(bytes, sizeof bits);
}
template <typename Integer>
Integer get_big_endian(const char* from) {
  std::make_unsigned_t<Integer> bits = 0;
  for (std::size_t byte = 0; byte < sizeof bits; ++byte)
    bits = static_cast<std::make_unsigned_t<Integer>>((std::uint64_t{bits} << 8U) |
                                                      static_cast<unsigned char>(from[byte]));
  return static_cast<Integer>(bits);
}

// One array parameter, while it is filled.
class pg_array {
 public:
  explicit pg_array(Oid element) : element_(element) {
    put_big_endian(bytes_, std::int32_t{1});
    put_big_endian(bytes_, std::int32_t{0});
    put_big_endian(bytes_, static_cast<std::uint32_t>(element));
    bytes_.append(8, '\0');
  }
  void add(std::string_view value) {
    put_big_endian(bytes_, static_cast<std::int32_t>(value.size()));
    bytes_ += value;
    ++count_;
  }
  template <typename Integer>
  void add_integer(Integer value) {
    put_big_endian(bytes_, static_cast<std::int32_t>(sizeof value));
    put_big_endian(bytes_, value);
    ++count_;
  }
  void add_null() {
    put_big_endian(bytes_, std::int32_t{-1});
    bytes_[7] = 1;
    ++count_;
  }
  // Adds an optional text. An empty one is NULL.
  void add_or_null(std::string_view value) { value.empty() ? add_null() : add(value); }

  [[nodiscard]] std::int32_t size() const noexcept { return count_; }
  [[nodiscard]] Oid type() const noexcept { return pg_type::array_of(element_); }
  [[nodiscard]] std::string take() {
    if (count_ == 0) {  // An empty array has no dimension.
      bytes_.resize(12);
      bytes_[3] = 0;
      return std::move(bytes_);
    }
    std::string sizes;
    put_big_endian(sizes, count_);
    put_big_endian(sizes, std::int32_t{1});
    bytes_.replace(12, 8, sizes);
    return std::move(bytes_);
  }

 private:
  Oid element_;
  std::int32_t count_ = 0;
  std::string bytes_{};
};

// The parameters $1, $2 ... of a statement.
class pg_parameters {
 public:
  // Adds a parameter and returns its number.
  int add(std::uint64_t value) { return add_integer(static_cast<std::int64_t>(value), pg_type::int8); }
  int add(std::int64_t value) { return add_integer(value, pg_type::int8); }
  int add(std::int32_t value) { return add_integer(value, pg_type::int4); }
  int add(std::string_view value) { return put(std::string(value), pg_type::text); }
  int add_flag(bool value) { return put(std::string(1, value ? '\1' : '\0'), pg_type::boolean); }
  int add_bytes(std::string_view value) { return put(std::string(value), pg_type::bytes); }
  int add_or_null(std::string_view value) { return value.empty() ? put(std::nullopt, pg_type::text) : add(value); }
  int add(pg_array&& value) {
    const auto type = value.type();
    return put(value.take(), type);
  }
  void set(int number, std::uint64_t value) {
    auto& bytes = values_[static_cast<std::size_t>(number - 1)].emplace();
    put_big_endian(bytes, value);
  }

  [[nodiscard]] int size() const noexcept { return static_cast<int>(values_.size()); }
  [[nodiscard]] const Oid* types() const noexcept { return types_.data(); }
  // Calls send(values, lengths, formats).
  template <typename Send>
  auto with(Send&& send) const {
    std::vector<const char*> values;
    std::vector<int> lengths;
    for (const auto& one : values_) {
      values.push_back(one ? one->c_str() : nullptr);
      lengths.push_back(one ? static_cast<int>(one->size()) : 0);
    }
    const std::vector<int> formats(values_.size(), 1);
    return send(values.data(), lengths.data(), formats.data());
  }

 private:
  template <typename Integer>
  int add_integer(Integer value, Oid type) {
    std::string bytes;
    put_big_endian(bytes, value);
    return put(std::move(bytes), type);
  }
  int put(std::optional<std::string> value, Oid type) {
    values_.push_back(std::move(value));
    types_.push_back(type);
    return size();
  }
  std::vector<std::optional<std::string>> values_{};
  std::vector<Oid> types_{};
};

}  // namespace must::detail::postgres

// SPDX-License-Identifier: MIT
// metadata: an option of process_command, that records attributes with every event of a command.
#pragma once

#include "must/record.hpp"
#include "must/timestamp.hpp"

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace must {

namespace detail {

template <typename Value>
concept wall_clock_time = requires(const Value& value) {
  value.time_since_epoch().count();
  Value::clock::to_time_t(value);
};

// A time of the system's clock, to the nanosecond.
template <typename Time>
timestamp to_timestamp(const Time& time) {
  using period = typename decltype(time.time_since_epoch())::period;
  if constexpr (std::is_integral_v<decltype(time.time_since_epoch().count())> && period::num == 1 &&
                period::den == 1'000'000'000) {
    const std::int64_t count = time.time_since_epoch().count();
    const std::int64_t rest = (count % 1'000 + 1'000) % 1'000;
    return {.microseconds = (count - rest) / 1'000,
            .femtoseconds_of_billion = static_cast<std::uint32_t>(rest) * 1'000'000,
            .digits = 9};
  } else {
    return {.microseconds = duration(time.time_since_epoch()).microseconds, .digits = 6};
  }
}

template <typename Value>
attribute_value to_attribute(Value&& value) {
  using plain = std::remove_cvref_t<Value>;
  if constexpr (std::is_same_v<plain, attribute_value> || std::is_same_v<plain, bool> ||
                std::is_same_v<plain, binary> || std::is_same_v<plain, uri> || std::is_same_v<plain, uri_reference> ||
                std::is_same_v<plain, timestamp>) {
    return std::forward<Value>(value);
  } else if constexpr (std::is_convertible_v<Value, std::string_view>) {
    return std::string(std::string_view(value));
  } else if constexpr (std::is_integral_v<plain> && !std::is_same_v<plain, char>) {
    if constexpr (sizeof(plain) < 4 || (sizeof(plain) == 4 && std::is_signed_v<plain>))
      return static_cast<std::int32_t>(value);
    else
      return std::to_string(value);
  } else if constexpr (wall_clock_time<plain>) {
    return to_timestamp(value);
  } else {
    static_assert(std::is_void_v<plain>,
                  "must: metadata holds bool, integers, texts, bytes, URIs and times of the system's clock: make a "
                  "text of this value");
    return false;
  }
}

}  // namespace detail

/// One name with its value, as `must::metadata` is written.
///
/// An integer that does not fit CloudEvents' 32 bits becomes its decimal text. A time of std::chrono::system_clock
/// becomes a must::timestamp.
class metadata_entry {
 public:
  /// Takes a bool, an integer, a text, a must::binary, uri, uri_reference or timestamp, or a time point.
  template <typename Value>
  metadata_entry(std::string name, Value&& value)
      : entry_(std::move(name), detail::to_attribute(std::forward<Value>(value))) {}

  /// Returns the name, and the value as it is recorded.
  [[nodiscard]] const attributes::value_type& entry() const noexcept { return entry_; }

 private:
  attributes::value_type entry_;
};

/// An option of process_command: attributes that are recorded as extensions of every event of the command.
///
/// An example is `must::metadata{{"correlationid", "r-17"}, {"attempt", 3}}`. When a name stands twice, its first value
/// is recorded. process_command refuses these with bad_input:
/// - a name that is not `[a-z0-9]+`;
/// - a name of CloudEvents itself, a name that starts with "must", and "sequence", "streamversion" and "recordedtime";
/// - a value that CloudEvents forbids.
struct metadata {
  metadata() = default;
  /// Takes names and values.
  metadata(std::initializer_list<metadata_entry> all) {
    for (const auto& one : all) entries.insert(one.entry());
  }
  /// Takes attributes as they are.
  explicit metadata(attributes all) : entries(std::move(all)) {}
  /// The attributes that are recorded.
  attributes entries{};
};

}  // namespace must

// SPDX-License-Identifier: MIT
// How the Avro records of a log write times and extensions as texts, from which they come back with all their parts.
// These texts are stored: do not change them.
#pragma once

#include "must/avro/decode.hpp"
#include "must/avro/encode.hpp"
#include "must/record.hpp"
#include "must/text/base64.hpp"
#include "must/text/utf8.hpp"
#include "must/timestamp.hpp"

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>

namespace must::detail::log {

inline bool is_same_time(const timestamp& left, const timestamp& right) {
  return left == right && left.offset_minutes == right.offset_minutes && left.digits == right.digits &&
         left.written == right.written;
}
// A time whose microseconds say it all, as the times of the clocks of `must` are.
inline timestamp plain_avro_time(std::int64_t microseconds) { return {.microseconds = microseconds, .digits = 6}; }

// Returns a time as RFC 3339 writes it, or, when that does not tell all of its parts, its parts as numbers.
inline std::string avro_time_text(const timestamp& time) {
  auto text = time.to_string();
  if (const auto read = timestamp::parse(text); read && is_same_time(*read, time)) return text;
  text = std::to_string(time.microseconds);
  for (const auto part : {std::int64_t{time.femtoseconds_of_billion}, std::int64_t{time.offset_minutes},
                          std::int64_t{time.digits}, static_cast<std::int64_t>(time.written)})
    text += ' ' + std::to_string(part);
  return text;
}
// Reads what avro_time_text has written. `offset` is the place of the text, for the error.
inline timestamp read_avro_time(std::string_view text, std::size_t offset) {
  if (const auto read = timestamp::parse(text)) return *read;
  const auto refuse = [&] { throw avro::malformed("has a text that is no time", offset); };
  std::array<std::int64_t, 5> parts{};
  for (auto& part : parts) {
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), part);
    if (failure != std::errc()) refuse();
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (&part == &parts.back()) break;
    if (!text.starts_with(' ')) refuse();
    text.remove_prefix(1);
  }
  const auto [microseconds, femtoseconds, minutes, digits, notation] = parts;
  if (!text.empty() || femtoseconds < 0 || femtoseconds > 999'999'999 || minutes < -1439 || minutes > 1439 ||
      digits < 0 || digits > 15 || notation < 0 ||
      notation > static_cast<std::int64_t>(timestamp::notation::unknown_offset_leap))
    refuse();
  return {.microseconds = microseconds,
          .femtoseconds_of_billion = static_cast<std::uint32_t>(femtoseconds),
          .offset_minutes = static_cast<std::int16_t>(minutes),
          .digits = static_cast<std::uint8_t>(digits),
          .written = static_cast<timestamp::notation>(notation)};
}

// The kinds of extensions, in the order of attribute_value. A text that is no UTF-8, which no string of Avro may be, is
// written as base64, and its kind has `base64_kind` at its end.
inline constexpr std::array<std::string_view, 7> avro_kinds{"boolean", "integer",      "string",   "binary",
                                                            "uri",     "urireference", "timestamp"};
inline constexpr std::string_view base64_kind = "/base64";

// Appends the kind and the value of an extension.
inline void append_avro_value(std::string& out, const attribute_value& value) {
  const auto kind = avro_kinds[value.index()];
  const auto append = [&](std::string_view text) {
    avro::append_bytes(out, kind);
    avro::append_bytes(out, text);
  };
  const auto append_text = [&](std::string_view text) {
    if (text::is_utf8(text)) return append(text);
    avro::append_bytes(out, std::string(kind) += base64_kind);
    avro::append_bytes(out, text::to_base64(text));
  };
  if (const auto* const text = std::get_if<std::string>(&value))
    append_text(*text);
  else if (const auto* const address = std::get_if<uri>(&value))
    append_text(address->text);
  else if (const auto* const reference = std::get_if<uri_reference>(&value))
    append_text(reference->text);
  else if (const auto* const data = std::get_if<binary>(&value))
    append(text::to_base64(data->bytes));
  else if (const auto* const time = std::get_if<timestamp>(&value))
    append(avro_time_text(*time));
  else if (const auto* const number = std::get_if<std::int32_t>(&value))
    append(std::to_string(*number));
  else
    append(std::get<bool>(value) ? "true" : "false");
}

// Takes what append_avro_value has appended.
inline attribute_value take_avro_value(avro::decoder& from) {
  const auto start = from.offset();
  auto kind = from.take_bytes();
  auto value = from.take_bytes();
  std::string decoded;
  const auto refuse = [&] { throw avro::malformed("has an extension that its kind does not allow", start); };
  const bool is_base64 = kind == "binary" || kind.ends_with(base64_kind);
  if (kind.ends_with(base64_kind)) kind.remove_suffix(base64_kind.size());
  if (is_base64) {
    auto read = text::from_base64(value);
    if (!read) refuse();
    decoded = *std::move(read);
  } else if (kind == "string" || kind == "uri" || kind == "urireference") {
    decoded = value;
  }
  if (kind == "string") return decoded;
  if (kind == "binary") return binary{std::move(decoded)};
  if (kind == "uri") return uri{std::move(decoded)};
  if (kind == "urireference") return uri_reference{std::move(decoded)};
  if (kind == "timestamp") return read_avro_time(value, start);
  if (kind == "integer") {
    std::int32_t number = 0;
    const auto [end, failure] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (failure != std::errc() || end != value.data() + value.size()) refuse();
    return number;
  }
  if (kind != "boolean" || (value != "true" && value != "false")) refuse();
  return value == "true";
}

}  // namespace must::detail::log

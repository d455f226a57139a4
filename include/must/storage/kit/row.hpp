// SPDX-License-Identifier: MIT
// How durable stores keep what has no column of its own: tags, rare attributes, and a digest of the content. These
// bytes are stored: do not change them.
#pragma once

#include "must/detail/siphash.hpp"
#include "must/error.hpp"
#include "must/record.hpp"
#include "must/timestamp.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace must::kit {

/// Packs values into bytes: integers in 7 bits a byte, the lowest first, and texts after their size.
class row_writer {
 public:
  /// Packs an integer.
  row_writer& integer(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7U) bytes += static_cast<char>(static_cast<unsigned char>(value | 0x80U));
    bytes += static_cast<char>(static_cast<unsigned char>(value));
    return *this;
  }
  /// Packs a text.
  row_writer& text(std::string_view value) {
    integer(value.size());
    bytes += value;
    return *this;
  }
  /// Packs a time with all its parts.
  row_writer& time(const timestamp& value) {
    return integer(static_cast<std::uint64_t>(value.microseconds))
        .integer(value.femtoseconds_of_billion)
        .integer(static_cast<std::uint16_t>(value.offset_minutes))
        .integer(value.digits)
        .integer(static_cast<std::uint64_t>(value.written));
  }
  /// The bytes that are packed.
  std::string bytes{};
};

/// Reads what a row_writer has packed. Every member that reads throws codec_error for bytes that are damaged.
class row_reader {
 public:
  /// Reads bytes, which outlive the reader.
  explicit row_reader(std::string_view bytes) : bytes_(bytes) {}

  /// Returns whether all bytes are read.
  [[nodiscard]] bool done() const noexcept { return bytes_.empty(); }
  /// Returns the bytes that are not read yet.
  [[nodiscard]] std::string_view rest() const noexcept { return bytes_; }
  /// Reads an integer.
  std::uint64_t integer() {
    std::uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      if (bytes_.empty() || shift > 63) refuse();
      const auto byte = static_cast<unsigned char>(bytes_.front());
      bytes_.remove_prefix(1);
      value |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) return value;
    }
  }
  /// Reads a text, which lives as long as the bytes.
  std::string_view text() {
    const auto size = integer();
    if (size > bytes_.size()) refuse();
    const auto value = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return value;
  }
  /// Reads a time.
  timestamp time() {
    timestamp value;
    value.microseconds = static_cast<std::int64_t>(integer());
    value.femtoseconds_of_billion = static_cast<std::uint32_t>(up_to(999'999'999));
    value.offset_minutes = static_cast<std::int16_t>(up_to(UINT16_MAX));
    value.digits = static_cast<std::uint8_t>(up_to(15));
    value.written = static_cast<timestamp::notation>(up_to(5));
    if (value.offset_minutes < -1439 || value.offset_minutes > 1439) refuse();
    return value;
  }
  /// Reads an integer that is at most `most`.
  std::uint64_t up_to(std::uint64_t most) {
    const auto value = integer();
    if (value > most) refuse();
    return value;
  }
  /// Throws codec_error, since the bytes are damaged.
  [[noreturn]] static void refuse() {
    raise(
        {.code = error_code::codec_error, .message = "a stored row is damaged: its packed attributes cannot be read"});
  }

 private:
  std::string_view bytes_;
};

/// Packs the tags of an event.
inline std::string pack_tags(const tag_set& tags) {
  row_writer to;
  for (const auto& tag : tags) to.text(tag);
  return std::move(to.bytes);
}
/// Unpacks tags into the memory that `tags` has. \throws codec_error  for bytes that are damaged
inline void unpack_tags(std::string_view bytes, tag_set& tags) {
  auto all = std::move(tags).release();
  std::size_t count = 0;
  for (row_reader from(bytes); !from.done(); ++count) {
    if (count == all.size())
      all.emplace_back(from.text());
    else
      all[count] = from.text();
  }
  all.resize(count);
  tags = tag_set(std::move(all));
}

/// Returns whether a time is known by its microseconds alone, as the times of the clocks of `must` are.
inline bool is_plain_time(const timestamp& time) {
  return time.femtoseconds_of_billion == 0 && time.offset_minutes == 0 && time.digits == 6 &&
         time.written == timestamp::notation::z;
}
/// Returns the time that is these microseconds since 1970-01-01T00:00:00Z.
inline timestamp plain_time(std::int64_t microseconds) { return {.microseconds = microseconds, .digits = 6}; }

/// Packs the parts of an event that have no columns: its dataschema, its extensions, a time that is not plain, and an
/// erasure. Most events have none of these.
inline std::string pack_attributes(const cloud_event& event) {
  row_writer to;
  if (!event.dataschema.empty()) to.integer('S').text(event.dataschema);
  if (event.time && !is_plain_time(*event.time)) to.integer('T').time(*event.time);
  if (const auto erased = event.data.erased_how()) to.integer('E').text(erased->why).time(erased->when);
  for (const auto& [name, value] : event.extensions) {
    to.integer('X').text(name).integer(value.index());
    if (const auto* flag = std::get_if<bool>(&value)) to.integer(*flag ? 1 : 0);
    if (const auto* number = std::get_if<std::int32_t>(&value)) to.integer(static_cast<std::uint32_t>(*number));
    if (const auto* text = std::get_if<std::string>(&value)) to.text(*text);
    if (const auto* bytes = std::get_if<binary>(&value)) to.text(bytes->bytes);
    if (const auto* link = std::get_if<uri>(&value)) to.text(link->text);
    if (const auto* link = std::get_if<uri_reference>(&value)) to.text(link->text);
    if (const auto* time = std::get_if<timestamp>(&value)) to.time(*time);
  }
  return std::move(to.bytes);
}

/// Unpacks the value of an extension. \throws codec_error  for bytes that are damaged
inline attribute_value unpack_value(row_reader& from) {
  switch (from.integer()) {
    case 0: return from.up_to(1) != 0;
    case 1: return static_cast<std::int32_t>(static_cast<std::uint32_t>(from.up_to(UINT32_MAX)));
    case 2: return std::string(from.text());
    case 3: return binary{std::string(from.text())};
    case 4: return uri{std::string(from.text())};
    case 5: return uri_reference{std::string(from.text())};
    case 6: return from.time();
    default: row_reader::refuse();
  }
}

/// Puts packed attributes into an event, and returns the erasure, if there is one.
/// \throws codec_error  for bytes that are damaged
inline std::optional<erasure> unpack_attributes(std::string_view bytes, cloud_event& event) {
  std::optional<erasure> erased;
  for (row_reader from(bytes); !from.done();) switch (from.integer()) {
      case 'S': event.dataschema = from.text(); break;
      case 'T': event.time = from.time(); break;
      case 'E': {
        std::string why(from.text());
        erased = erasure{std::move(why), from.time()};
        break;
      }
      case 'X': {
        std::string name(from.text());
        event.extensions.emplace(std::move(name), unpack_value(from));
        break;
      }
      default: row_reader::refuse();
    }
  return erased;
}

/// Makes a payload of its columns: the state as an integer, the content type, and the bytes. The memory that `to` has
/// is used again. \throws codec_error  for a state that does not exist
inline void unpack_payload(std::int64_t state, std::string_view content_type, std::string_view bytes,
                           std::optional<erasure> erased, payload& to) {
  switch (state) {
    case static_cast<std::int64_t>(payload::kind::absent): to = payload::absent(std::string(content_type)); return;
    case static_cast<std::int64_t>(payload::kind::null): to = payload::null(std::string(content_type)); return;
    case static_cast<std::int64_t>(payload::kind::present): to.assign(content_type, bytes); return;
    case static_cast<std::int64_t>(payload::kind::erased):
      if (!erased) break;
      to = payload::erased(*std::move(erased), std::string(content_type));
      return;
    default: break;
  }
  row_reader::refuse();
}

/// Returns the digest of what same_content() compares, under the key of a store. A store keeps the digest also when the
/// data is erased.
inline std::array<std::uint8_t, 16> keyed_content_digest(const detail::siphash_key& key, const cloud_event& event) {
  row_writer to;
  to.text(event.type).text(event.subject).integer(event.tags.size());
  for (const auto& tag : event.tags) to.text(tag);
  to.text(event.dataschema).text(event.data.content_type()).integer(static_cast<std::uint64_t>(event.data.state()));
  if (const auto erased = event.data.erased_how()) to.text(erased->why).time(erased->when);
  to.text(event.data.bytes());
  return detail::siphash(key, to.bytes);
}

}  // namespace must::kit

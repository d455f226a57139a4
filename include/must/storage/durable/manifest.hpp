// SPDX-License-Identifier: MIT
// The manifest of a durable log: which log it is, and which of its commits are in which segments. These bytes are
// stored: do not change them.
#pragma once

#include "must/detail/crc32c.hpp"
#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/storage/durable/damage.hpp"
#include "must/storage/kit/schema_versions.hpp"
#include "must/text/json_text.hpp"
#include "must/timestamp.hpp"

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace must::detail::durable {

// A segment, as the manifest names it.
struct segment_entry {
  std::string key{};
  position first = 0, last = 0;
  std::uint64_t bytes = 0, header_bytes = 0;
  std::uint32_t crc = 0;  // The CRC-32C of the whole object.
};

struct manifest {
  static constexpr std::int64_t own_format = 1;

  std::string store{}, incarnation{};     // UUIDs.
  std::uint64_t revision = 1;             // It rises with each manifest of a log.
  duration grace{};                       // \see durable_options::grace
  position floor = 1;                     // Commits below are in segments, and their keys in the log may be removed.
  std::vector<segment_entry> segments{};  // They follow each other from position 1 to the floor.
};

[[nodiscard]] inline std::string json_of(const manifest& of) {
  const auto number = [](auto value) { return std::to_string(value); };
  std::string text = "{\n  \"format\": " + number(manifest::own_format) + ",\n  \"store\": \"" + of.store +
                     "\",\n  \"incarnation\": \"" + of.incarnation + "\",\n  \"revision\": " + number(of.revision) +
                     ",\n  \"grace_microseconds\": " + number(of.grace.microseconds) +
                     ",\n  \"floor\": " + number(of.floor) + ",\n  \"segments\": [";
  for (const auto& one : of.segments) {
    text += &one == of.segments.data() ? "\n" : ",\n";
    text += "    {\"key\": \"" + one.key + "\", \"first\": " + number(one.first) + ", \"last\": " + number(one.last) +
            ", \"bytes\": " + number(one.bytes) + ", \"header_bytes\": " + number(one.header_bytes) +
            ", \"crc32c\": " + number(one.crc) + "}";
  }
  text += of.segments.empty() ? "]" : "\n  ]";
  const auto crc = crc32c(text);
  return text + ",\n  \"crc32c\": " + number(crc) + "\n}\n";
}

// Reads a manifest, and names what is wrong with it.
class manifest_reader {
 public:
  explicit manifest_reader(std::string_view text) : text_(text) {}

  [[nodiscard]] manifest read() {
    check_crc();
    manifest made;
    std::uint64_t format = 0;
    for (text::json_cursor members(text_); members.next();) {
      const auto name = members.take_name();
      const auto value = members.take_value();
      if (name == R"("format")") format = number(value);
      if (name == R"("store")") made.store = plain(value);
      if (name == R"("incarnation")") made.incarnation = plain(value);
      if (name == R"("revision")") made.revision = number(value);
      if (name == R"("grace_microseconds")") made.grace = duration(static_cast<std::int64_t>(number(value)));
      if (name == R"("floor")") made.floor = number(value);
      if (name == R"("segments")" && value.starts_with('['))
        for (text::json_cursor all(value); all.next();) made.segments.push_back(segment(all.take_value()));
    }
    if (const auto why =
            kit::why_not_usable(kit::schema_use::write, static_cast<std::int64_t>(format), manifest::own_format))
      raise({.code = error_code::storage_error,
             .message = "open: the log of the object " + std::string(manifest_key) + " cannot be used: " + *why,
             .operation = "open"});
    check(made);
    return made;
  }

 private:
  void check_crc() const {
    constexpr std::string_view before = ",\n  \"crc32c\": ", behind = "\n}\n";
    const auto at = text_.rfind(before);
    if (at == std::string_view::npos || !text_.ends_with(behind)) raise_damaged(manifest_key, "it has no CRC-32C");
    const auto start = at + before.size();
    if (number(text_.substr(start, text_.size() - behind.size() - start)) != crc32c(text_.substr(0, at)))
      raise_damaged(manifest_key, "its content has another CRC-32C");
    if (const auto flaw = text::json_flaw(text_)) raise_damaged(manifest_key, "it is no JSON: " + *flaw);
    if (!text_.starts_with('{')) raise_damaged(manifest_key, "it is no object of JSON");
  }
  static segment_entry segment(std::string_view text) {
    segment_entry made;
    if (!text.starts_with('{')) raise_damaged(manifest_key, "a segment is no object of JSON");
    for (text::json_cursor members(text); members.next();) {
      const auto name = members.take_name();
      const auto value = members.take_value();
      if (name == R"("key")") made.key = plain(value);
      if (name == R"("first")") made.first = number(value);
      if (name == R"("last")") made.last = number(value);
      if (name == R"("bytes")") made.bytes = number(value);
      if (name == R"("header_bytes")") made.header_bytes = number(value);
      if (name == R"("crc32c")") made.crc = static_cast<std::uint32_t>(number(value));
    }
    return made;
  }
  static std::uint64_t number(std::string_view text) {
    std::uint64_t value = 0;
    const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
    if (end.ec != std::errc() || end.ptr != text.data() + text.size())
      raise_damaged(manifest_key, "\"" + std::string(text) + "\" is no number");
    return value;
  }
  static std::string plain(std::string_view literal) {
    if (!literal.starts_with('"') || literal.find('\\') != std::string_view::npos)
      raise_damaged(manifest_key, std::string(literal) + " is no plain text");
    return std::string(literal.substr(1, literal.size() - 2));
  }
  static void check(const manifest& read) {
    position next = 1;
    for (const auto& one : read.segments) {
      const bool is_sound = one.key.starts_with(segment_folder) && one.first == next && one.last >= one.first &&
                            one.header_bytes < one.bytes;
      if (!is_sound) raise_damaged(manifest_key, "the segment \"" + one.key + "\" does not follow the one before");
      next = one.last + 1;
    }
    if (read.floor != next) raise_damaged(manifest_key, "its segments do not end below its floor");
    if (read.store.empty() || read.incarnation.empty()) raise_damaged(manifest_key, "it does not name the store");
  }

  std::string_view text_;
};

}  // namespace must::detail::durable

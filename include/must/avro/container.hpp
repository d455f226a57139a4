// SPDX-License-Identifier: MIT
// Writes and reads the framing of Avro's object container files: a header with metadata, and blocks with a sync marker.
#pragma once

#include "must/avro/decode.hpp"
#include "must/avro/encode.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace must::detail::avro {

inline constexpr std::string_view container_magic = "Obj\1";
inline constexpr std::size_t sync_size = 16;

// What a file says before its first block. \see Avro 1.9.0, "Object Container Files"
struct container_header {
  std::map<std::string, std::string, std::less<>> metadata{};  // NOLINT(misc-include-cleaner)
  // The 16 random bytes behind each block, which no other file has.
  std::string sync{};

  // The schema of every object, as JSON.
  [[nodiscard]] std::string_view schema() const { return value("avro.schema"); }
  // The codec of every block: "null" when the bytes are what the objects are.
  [[nodiscard]] std::string_view codec() const {
    const auto named = value("avro.codec");
    return named.empty() ? "null" : named;
  }

 private:
  [[nodiscard]] std::string_view value(std::string_view name) const {
    const auto found = metadata.find(name);
    return found == metadata.end() ? std::string_view() : std::string_view(found->second);
  }
};

// Some objects of a file, one after another.
struct container_block {
  std::uint64_t count = 0;
  // The objects as the codec of the file has left them. They are a part of what the decoder reads.
  std::string_view bytes{};
};

inline void append_header(std::string& out, const container_header& header) {
  std::string entries;
  for (const auto& [name, value] : header.metadata) {
    append_bytes(entries, name);
    append_bytes(entries, value);
  }
  out += container_magic;
  append_items(out, header.metadata.size(), entries);
  out += header.sync;
}

inline void append_block(std::string& out, const container_block& block, std::string_view sync) {
  append_long(out, static_cast<std::int64_t>(block.count));
  append_bytes(out, block.bytes);
  out += sync;
}

// Takes the header of a file, or throws malformed.
inline container_header take_header(decoder& from) {
  const auto start = from.offset();
  if (from.left() < container_magic.size() || from.take(container_magic.size()) != container_magic)
    throw malformed("is no Avro file: it does not start with \"Obj\" and 1", start);
  container_header header;
  for (items entries(from, 2); entries.next();) {
    const auto place = from.offset();
    std::string name(from.take_string());
    if (!header.metadata.try_emplace(std::move(name), from.take_bytes()).second)
      throw malformed("has a name of its metadata twice", place);
  }
  if (header.schema().empty()) throw malformed("has no avro.schema in its metadata", start);
  header.sync = from.take(sync_size);
  return header;
}

// Takes the next block of a file, or throws malformed. A file has ended where nothing is left. A block that was torn
// off throws as a damaged one does: the decoder then stands behind the place where the block starts.
inline container_block take_block(decoder& from, std::string_view sync) {
  const auto start = from.offset();
  const auto count = from.take_long();
  if (count < 0) throw malformed("has a block of " + std::to_string(count) + " objects", start);
  const auto bytes = from.take_bytes();
  const auto end = from.offset();
  if (from.take(sync_size) != sync) throw malformed("has a block that does not end with the sync marker", end);
  return {static_cast<std::uint64_t>(count), bytes};
}

}  // namespace must::detail::avro

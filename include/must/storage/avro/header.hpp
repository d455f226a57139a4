// SPDX-License-Identifier: MIT
// What an Avro file of must says before its first block: its schema and codec, which log it is, and where it begins.
#pragma once

#include "must/avro/container.hpp"
#include "must/avro/decode.hpp"
#include "must/detail/crc32c.hpp"
#include "must/detail/posix_file.hpp"
#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/storage/avro/growing_file.hpp"
#include "must/storage/avro/options.hpp"
#include "must/storage/log/avro_commit.hpp"
#include "must/uuid.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <system_error>

namespace must::detail::avro_log {

inline constexpr std::uint64_t file_format = 1;

// Returns a number with leading zeros, so that names sort as numbers do.
inline std::string twenty_digits(std::uint64_t number) {
  auto digits = std::to_string(number);
  return std::string(20 - digits.size(), '0') + digits;
}
inline std::uint64_t number_of(std::string_view digits) {
  std::uint64_t number = 0;
  const auto end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, number);
  return read.ec == std::errc() && read.ptr == end ? number : 0;
}
inline std::string random_bytes(std::size_t size) {
  auto& random = random_source::of_this_thread();
  std::string bytes(size, '\0');
  for (std::size_t at = 0; at < size; at += sizeof(std::uint64_t)) {
    const std::uint64_t some = random();
    std::memcpy(bytes.data() + at, &some, std::min(sizeof some, size - at));
  }
  return bytes;
}

struct file_header {
  std::string uuid{};             // The log that the file is a part of.
  std::uint64_t incarnation = 1;  // Which copy of the log it is.
  position first = 1;             // The position of the first event in the file.
  avro_codec codec = avro_codec::null;
  std::string sync{};
  std::size_t size = 0;  // The bytes of the header, behind which the blocks begin.
};

// Writes the header of a file. The CRC is that of the header in which it is zero.
inline std::string encode_header(const file_header& of) {
  avro::container_header made;
  made.sync = of.sync;
  made.metadata = {{"avro.codec", of.codec == avro_codec::null ? "null" : "deflate"},
                   {"avro.schema", std::string(log::commit_schema)},
                   {"must.crc", "0000000000"},
                   {"must.first", twenty_digits(of.first)},
                   {"must.format", std::to_string(file_format)},
                   {"must.history", of.uuid},
                   {"must.incarnation", twenty_digits(of.incarnation)}};
  std::string bytes;
  avro::append_header(bytes, made);
  made.metadata["must.crc"] = twenty_digits(crc32c(bytes)).substr(10);
  bytes.clear();
  avro::append_header(bytes, made);
  return bytes;
}

// Reads the header of a file, or throws storage_error for a file that is not one of `must` that this release can read.
inline file_header read_header(const posix::descriptor& file, const std::string& path, std::string_view operation) {
  std::string bytes(std::size_t{64} << 10U, '\0');
  bytes.resize(posix::read_at(file, bytes.data(), bytes.size(), 0, operation, path));
  avro::container_header read;
  file_header header;
  try {
    avro::decoder from(bytes);
    read = avro::take_header(from);
    header.size = from.offset();
  } catch (const avro::malformed& flaw) {
    raise_damaged(path, flaw.offset(), "its header " + std::string(flaw.what()), operation);
  }
  const auto value = [&](const char* name) {
    const auto found = read.metadata.find(name);
    return found == read.metadata.end() ? std::string() : found->second;
  };
  const auto format = number_of(value("must.format"));
  if (format == 0) refuse_file(path, operation, "it is an Avro file, but not one of must", "foreign");
  if (format > file_format)
    refuse_file(path, operation,
                "it has the format " + std::to_string(format) + ", which is of a newer must than this one", "newer");
  header.codec = read.codec() == "deflate" ? avro_codec::deflate : avro_codec::null;
  header.uuid = value("must.history");
  header.incarnation = number_of(value("must.incarnation"));
  header.first = number_of(value("must.first"));
  header.sync = read.sync;
  if (read.schema() != log::commit_schema)
    refuse_file(path, operation, "its schema is not the one of the format " + std::to_string(format), "schema");
  // What is written anew must be the same, so that no bit of it is another.
  if (encode_header(header) != std::string_view(bytes).substr(0, header.size))
    raise_damaged(path, 0, "its header has another CRC-32C", operation);
  return header;
}

// Makes a file that appears with these bytes or not at all. Returns false when the file is there already.
inline bool make_file(const std::string& path, std::string_view bytes, bool is_durable, std::string_view operation) {
  auto& random = random_source::of_this_thread();
  const auto made_as = path + "." + format_uuid(random(), random(), 4) + ".new";
  int code = 0;
  const auto file = posix::open_file(made_as, O_WRONLY | O_CREAT | O_EXCL, code);
  if (!file) raise(posix::failure(code, operation, path));
  try {
    code = posix::write_at(file, bytes, 0);
    if (code == 0 && is_durable) code = posix::sync(file);
    if (code != 0) raise(posix::failure(code, operation, path));
    if (!posix::rename_new(made_as, path, operation)) {
      ::unlink(made_as.c_str());
      return false;
    }
  } catch (...) {
    ::unlink(made_as.c_str());
    throw;
  }
  if (is_durable) posix::sync_folder_of(path, operation);
  return true;
}

}  // namespace must::detail::avro_log

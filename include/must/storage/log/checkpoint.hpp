// SPDX-License-Identifier: MIT
// The checkpoint of a catalog: all that is known of a log, as bytes that the log keeps, so that opening need not read
// it.
#pragma once

#include "must/detail/crc32c.hpp"
#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/storage/kit/row.hpp"
#include "must/storage/log/catalog.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace must::detail::log {

// The last commit that a checkpoint covers.
struct covered_commit {
  position first;
  std::uint64_t place;
  std::uint32_t crc;
};

// A checkpoint that can be read. What it says of the log is not known to be so.
struct checkpoint {
  covered_commit last;
  std::string_view catalog;  // A part of the bytes that were read.
};

inline constexpr std::string_view checkpoint_magic = "must index 1\n";

// Returns the checkpoint of a catalog that has a commit.
inline std::string write_checkpoint(const catalog& of) {
  kit::row_writer to;
  to.bytes.reserve(64 + 32 * of.head());
  to.bytes = checkpoint_magic;
  to.integer(of.last().first).integer(of.last().place).integer(of.last().crc);
  of.write(to);
  const auto crc = crc32c(to.bytes);
  for (unsigned shift = 0; shift < 32; shift += 8)
    to.bytes += static_cast<char>(static_cast<unsigned char>(crc >> shift));
  return std::move(to.bytes);
}

// Returns what a checkpoint says, or nothing when the bytes are damaged or of another version.
inline std::optional<checkpoint> read_checkpoint(std::string_view bytes) {
  if (!bytes.starts_with(checkpoint_magic) || bytes.size() < checkpoint_magic.size() + 4) return std::nullopt;
  std::uint32_t crc = 0;
  for (unsigned i = 0; i < 4; ++i)
    crc |= std::uint32_t{static_cast<unsigned char>(bytes[bytes.size() - 4 + i])} << 8 * i;
  bytes.remove_suffix(4);
  if (crc32c(bytes) != crc) return std::nullopt;
  try {
    kit::row_reader from(bytes.substr(checkpoint_magic.size()));
    const auto first = from.integer();
    const auto place = from.integer();
    const auto crc_of_last = static_cast<std::uint32_t>(from.up_to(UINT32_MAX));
    return checkpoint{{first, place, crc_of_last}, from.rest()};
  } catch (const codec_error&) {
    return std::nullopt;
  }
}

}  // namespace must::detail::log

// SPDX-License-Identifier: MIT
// What may be wrong with a SQLite store although it works: its write-ahead log grows, or its checkpoints fail.
#pragma once

#include "must/error.hpp"
#include "must/timestamp.hpp"

#include <cstdint>
#include <optional>

namespace must {

/// The state of the write-ahead log of a SQLite store.
///
/// A checkpoint of SQLite moves the pages of the log into the file. It leaves those that are newer than what any reader
/// reads, in this or another process: a reader that does not end pins the log, which grows without bound meanwhile.
struct sqlite_health {
  /// The size of the log, in bytes. It stays as large as it has been, since the log is used again from its beginning.
  std::uint64_t log_bytes = 0;
  /// The number of pages that the last checkpoint has left in the log, since a reader pins them. A reader that ends
  /// soon may leave some for a moment.
  std::uint64_t pinned_pages = 0;
  /// The time since which every checkpoint has left pages. It has no value when the last one left none.
  std::optional<timestamp> pinned_since{};
  /// The error of the last checkpoint, if it failed. No event is lost: a later append tries again.
  std::optional<error> checkpoint_failure{};

  friend bool operator==(const sqlite_health&, const sqlite_health&) = default;
};

}  // namespace must

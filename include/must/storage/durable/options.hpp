// SPDX-License-Identifier: MIT
// How a durable_store works, and what its compactions have done.
#pragma once

#include "must/limits.hpp"
#include "must/storage/log/options.hpp"
#include "must/timestamp.hpp"

#include <cstddef>
#include <cstdint>

namespace must {

/// How a durable_store works, and what it may take.
struct durable_options {
  /// What every store on a log has. Its timeout also bounds how long a storage is asked again that says `retry`.
  log_store_options log{};
  /// The limits of what is appended.
  must::limits limits{};
  /// The number of commits of this store after which a thread of the store compacts. 0 compacts by hand alone.
  std::uint64_t compact_every = 0;
  /// The size from which a segment is left alone by later compactions, in bytes.
  std::size_t segment_bytes = std::size_t{8} << 20U;
  /// The most memory for parts of segments that were read last, in bytes.
  std::size_t segment_cache_bytes = std::size_t{32} << 20U;
  /// How long a compaction waits before it removes what it has rewritten. A store that has not looked at the log for
  /// this long looks at the manifest, too, before it trusts what it has put or read. It is kept in the manifest when
  /// the log is made, and taken from there later.
  duration grace{60'000'000};
};

/// What a compaction has done.
struct compaction_result {
  std::uint64_t commits = 0;   ///< The number of commits that were rewritten into segments for the first time.
  std::uint64_t segments = 0;  ///< The number of segments that were written.
  std::uint64_t removed = 0;   ///< The number of objects that were removed, those of earlier compactions among them.
  bool overtaken = false;      ///< Whether another compaction was faster, so that this one has changed nothing.
};

}  // namespace must

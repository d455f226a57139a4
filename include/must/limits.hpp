// SPDX-License-Identifier: MIT
// The limits that a store checks before anything else.
#pragma once

#include "must/config.hpp"  // IWYU pragma: keep

#include <cstddef>

namespace must {

/// The limits that a store checks before anything else. Names, tags and ids have 1 to 512 bytes on every store, and
/// less in a context.
struct limits {
  std::size_t name_bytes = 512;                       ///< of a name, a tag, an id
  std::size_t tags_per_event = 1'000;                 ///< of one event
  std::size_t events_per_append = 10'000;             ///< of one append
  std::size_t payload_bytes = std::size_t{1} << 20U;  ///< of one event
};

}  // namespace must

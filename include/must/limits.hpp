// SPDX-License-Identifier: MIT
// The limits that a store checks before anything else.
#pragma once

#include "must/config.hpp"  // IWYU pragma: keep

#include <cstddef>

namespace must {

/// The limits that a store checks before anything else. Each limit may be reached. Input beyond a limit is refused
/// (bad_input).
///
/// A name is that of a stream, a type or a source, or the key of a cell. The defaults are the same on every store. A
/// context has less room for names and tags than the store that it is in.
struct limits {
  std::size_t name_bytes = 512;                        ///< The highest size of a name, a tag or an id, in bytes.
  std::size_t tags_per_event = 1'000;                  ///< The highest number of tags of one event.
  std::size_t events_per_append = 10'000;              ///< The highest number of events of one append.
  std::size_t tags_per_append = 100'000;               ///< The highest number of tags of one append.
  std::size_t payload_bytes = std::size_t{1} << 20U;   ///< The highest size of the data of one event, in bytes.
  std::size_t append_bytes = std::size_t{128} << 20U;  ///< The highest size of an append, in bytes.
};

}  // namespace must

// SPDX-License-Identifier: MIT
// The limits that a store checks before anything else.
#pragma once

#include "must/config.hpp"  // IWYU pragma: keep

#include <cstddef>

namespace must {

/// The limits that a store checks before anything else. Input beyond a limit is refused (bad_input).
///
/// The defaults are the same on every store. A context has less room for names and tags than the store that it is in.
struct limits {
  std::size_t name_bytes = 512;                        ///< The size of a name, a tag or an id, in bytes.
  std::size_t tags_per_event = 1'000;                  ///< The number of tags of one event.
  std::size_t events_per_append = 10'000;              ///< The number of events of one append.
  std::size_t tags_per_append = 100'000;               ///< The number of tags of all events of one append.
  std::size_t payload_bytes = std::size_t{1} << 20U;   ///< The size of the data of one event, in bytes.
  std::size_t append_bytes = std::size_t{128} << 20U;  ///< The size of one append, in bytes. \see kit::event_bytes
};

}  // namespace must

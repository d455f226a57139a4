// SPDX-License-Identifier: MIT
// How a log_store works, and what it may take.
#pragma once

#include "must/timestamp.hpp"

#include <cstddef>
#include <string>

namespace must {

/// How a log_store works, and what it may take.
struct log_store_options {
  /// The name of this store in its commits, for a person to read. When it is empty, it is a new UUID.
  std::string writer{};
  /// The longest time that an append goes on while other stores are faster, or while the log cannot say what became of
  /// it. Appends of one store take turns, and the time counts from the turn.
  duration timeout{5'000'000};
  /// The time between two looks of wait_for at what other stores have appended.
  duration poll_interval{5'000};
  /// The most memory for commits that were read or appended last, in bytes of their events. \see kit::event_bytes
  std::size_t cache_bytes = std::size_t{64} << 20U;
  /// The bytes of events after which a read fetches no more at once. It fetches at least one commit.
  std::size_t page_bytes = std::size_t{1} << 20U;
  /// The number of events after which the index is saved again, when the log keeps a checkpoint of it. It is saved when
  /// a fourth of all events are new, too, if that is more, and when the store is closed. The append that comes to it
  /// takes as long as writing some 40 bytes an event. With 0, none is written, and one that is there is used.
  std::size_t checkpoint_events = 100'000;
};

}  // namespace must

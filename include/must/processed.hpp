// SPDX-License-Identifier: MIT
// processed: what became of a command.
#pragma once

#include "must/config.hpp"  // IWYU pragma: keep
#include "must/fwd.hpp"

#include <exception>
#include <vector>

namespace must {

/// What became of a command, whatever its events are.
struct processed_command {
  /// The position of its first event. It is 0 when there are no events.
  position first = 0;
  /// The position of its last event. It is 0 when there are no events.
  position last = 0;
  /// The number of times that the rules ran.
  unsigned attempts = 0;
  /// Whether the id of the command was known. Then no rule ran, and the events are those of the first time.
  bool replayed = false;
  /// What the be_handled rules of its events threw. The events are stored all the same.
  std::vector<std::exception_ptr> handler_errors{};
};

/// What became of a command, and its events. `Event` is a std::variant when the command may come to several types.
template <typename Event>
struct processed : processed_command {
  std::vector<Event> events{};  ///< The events in the order in which they are stored.
};

}  // namespace must

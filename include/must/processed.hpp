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
  position first = 0;     ///< of its events; 0 when there are none
  position last = 0;      ///< of its events; 0 when there are none
  unsigned attempts = 0;  ///< how often the rules ran
  bool replayed = false;  ///< its id was known, no rule ran, and the events are those of the first time
  std::vector<std::exception_ptr> handler_errors{};  ///< what be_handled threw; the events are stored all the same
};

/// What became of a command, and its events: of their own type when there is one, else variants of the types.
template <typename Event>
struct processed : processed_command {
  std::vector<Event> events{};  ///< in the order in which they are stored
};

}  // namespace must

// SPDX-License-Identifier: MIT
// processed: what became of a command.
#pragma once

#include "must/fwd.hpp"

#include <exception>
#include <vector>

namespace must {

/// What became of a command.
///
/// `events` owns the events: of their own type when there is one, else variants of the types. `first` and `last` are
/// their positions, 0 when there are no events. `replayed`: the command_id was known, no rule ran, and these are the
/// events of the first time. `handler_errors`: what be_handled threw; the events are stored all the same.
template <typename Event>
struct processed {
  std::vector<Event> events{};                       ///< in the order in which they are stored
  position first = 0;                                ///< of the first event
  position last = 0;                                 ///< of the last event
  unsigned attempts = 0;                             ///< how often it was decided, conflicts included
  bool replayed = false;                             ///< whether it had been processed before
  std::vector<std::exception_ptr> handler_errors{};  ///< of be_handled
};

}  // namespace must

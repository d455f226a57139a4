// SPDX-License-Identifier: MIT
// processed: what became of a command.
#pragma once

#include "must/config.hpp"  // IWYU pragma: keep
#include "must/fwd.hpp"
#include "must/stream_version.hpp"

#include <exception>
#include <optional>
#include <vector>

namespace must {

/// What became of a command, whatever its events are.
struct processed_command {
  /// The position of its first event. It is 0 when there are no events.
  position first = 0;
  /// The position of its last event. It is 0 when there are no events.
  position last = 0;
  /// The version of the stream after the command, when the command is about one stream. That is the stream that it
  /// depends on, or that the option expected_version is about. It has no value when `must` would have to ask the store.
  std::optional<must::version> version{};
  /// The number of times that the rules ran.
  unsigned attempts = 0;
  /// Whether the id of the command was known. Then no rule ran, and the events are those of the first time.
  bool replayed = false;
  /// What the be_handled rules of its events threw, and what the keeping of states threw, such as a snapshot that could
  /// not be put. The events are stored all the same.
  std::vector<std::exception_ptr> handler_errors{};
};

/// What became of a command, its events, and the state after them.
///
/// `Event` is a std::variant when the command may come to several types. `State` is what the rules get of the past, and
/// a std::tuple when that is several states. It is void, and there is no `state`, without the option return_state.
template <typename Event, typename State = void>
struct processed;

/// What became of a command, and its events.
template <typename Event>
struct processed<Event, void> : processed_command {
  std::vector<Event> events{};  ///< The events in the order in which they are stored.
};

namespace detail {

// The base of what has a state, by a name that Doxygen does not take for the class that it is the base of.
template <typename Event>
using without_state = processed<Event, void>;

}  // namespace detail

template <typename Event, typename State>
struct processed : detail::without_state<Event> {
  State state{};  ///< The state that the command depends on, as it is at the position `last`.
};

}  // namespace must

// SPDX-License-Identifier: MIT
// as_of: a moment in the history of a store, at which must::load, must::events_in and projections read it.
#pragma once

#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/text/quoted.hpp"
#include "must/timestamp.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace must {

namespace detail {

// Returns the last position up to which `is_before(recorded_at)` holds. It reads about log2(head) events: recorded
// times never decrease with the position, whatever the clock of the store did.
template <typename S, typename IsBefore>
position last_recorded(S& storage, IsBefore&& is_before) {
  auto low = position{0}, high = storage.head();
  while (low < high) {
    const auto middle = low + (high - low) / 2;
    std::optional<std::pair<position, timestamp>> next;
    static_cast<void>(storage.read(query::all(), {.after = middle, .until = high, .limit = 1},
                                   [&](const auto& event) { next = {event.position, event.recorded_at}; }));
    if (next && is_before(next->second))
      low = next->first;
    else
      high = middle;
  }
  return low;
}

}  // namespace detail

/// A moment in the history of a store, at which must::load, must::events_in and projections read it. The events at or
/// below its position are there, and no others.
class as_of {
 public:
  /// The moment at which the last position was `last`. A position beyond the head is refused by in() (position_ahead).
  [[nodiscard]] static as_of position(must::position last) { return {kind::at_position, last, {}}; }
  /// The moment at which the stream that is read was at version `last`. It is refused by in() (bad_input) when the
  /// stream has not come so far, or when what is read is not one stream.
  [[nodiscard]] static as_of version(must::version last) {
    as_of made(kind::at_version, 0, {});
    made.version_ = last;
    return made;
  }
  /// The moment after everything that the store had recorded at or before a time. The `recorded_at` of each event
  /// decides, not its `time`. A time in the future means the present.
  [[nodiscard]] static as_of time(timestamp when) { return {kind::at_time, 0, when}; }

  /// Returns the position of the moment in a store.
  ///
  /// For a position it looks at the head, for a version it reads one event, and for a time about log2(head) events.
  /// \param storage  the store
  /// \param which    the query that is read. For a version, it matches one stream and nothing else.
  /// \throws position_ahead  for a position beyond the head of the store
  /// \throws bad_input       for a version beyond that of the stream
  /// \throws bad_input       for a version, when `which` matches more than one stream
  /// \throws storage_error   when the store fails
  template <typename S>
  [[nodiscard]] must::position in(S& storage, const query& which) const {
    if (kind_ == kind::at_version) return of_version(storage, which);
    if (kind_ == kind::at_time)
      return detail::last_recorded(
          storage, [&](const timestamp& recorded) { return recorded.microseconds <= when_.microseconds; });
    if (const must::position head = storage.head(); position_ > head)
      raise({.code = error_code::position_ahead,
             .message = "the state as of position " + std::to_string(position_) +
                        " is asked for, and the store ends at " + std::to_string(head),
             .field = "as_of",
             .expected = position_,
             .actual = head});
    return position_;
  }

 private:
  enum class kind : std::uint8_t { at_position, at_version, at_time };
  as_of(kind how, must::position last, timestamp when) : kind_(how), position_(last), when_(when) {}

  template <typename S>
  must::position of_version(S& storage, const query& which) const {
    if (which.items().size() != 1 || !which.items().front().stream)
      raise({.code = error_code::bad_input, .message = "as_of::version needs a query of one stream", .field = "as_of"});
    const auto& stream = *which.items().front().stream;
    if (version_ == 0) return 0;
    const must::version actual = storage.version(stream);
    if (version_ > actual)
      raise({.code = error_code::bad_input,
             .message = "the state as of version " + std::to_string(version_.value) + " of stream " +
                        detail::text::in_quotes(stream) + " is asked for, and the stream is at version " +
                        std::to_string(actual.value),
             .field = "as_of",
             .stream = stream,
             .expected = version_.value,
             .actual = actual.value});
    must::position found = 0;
    static_cast<void>(storage.read(query::of_stream(stream),
                                   {.order = direction::backwards, .until_version = version_, .limit = 1},
                                   [&](const auto& event) { found = event.position; }));
    return found;
  }

  kind kind_;
  must::position position_;
  must::version version_{};
  timestamp when_;
};

}  // namespace must

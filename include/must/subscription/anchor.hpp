// SPDX-License-Identifier: MIT
// The place of a follower in the history of a store: a position, and the identity of the last event there.
#pragma once

#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/storage.hpp"
#include "must/storage/abilities.hpp"
#include "must/text/quoted.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace must::detail::following {

// The identity of a store that has a history. It tells a store that was copied or restored from the one before.
template <Storage S>
std::string history_of(const S& storage) {
  if constexpr (HistoryStorage<S>)
    return storage.history();
  else
    return {};
}

// The last event at or below a position that the store shows, since a context does not show every one. It is empty when
// there is none.
struct event_mark {
  std::string source{};
  std::string id{};
  // Microseconds since 1970, or 0 where it is not known, as in what is stored. A command that is repeated after a
  // restore stores its event again under the same id.
  std::int64_t recorded = 0;
  // Returns whether both are stored alike.
  friend bool operator==(const event_mark& left, const event_mark& right) {
    return left.source == right.source && left.id == right.id;
  }
};

// A place in a history. Histories that share the marked event share everything at or below it. The mark is empty where
// the event is not known.
struct anchor {
  position at = 0;
  event_mark mark{};
  std::string
      history{};  // The history of the store that was read, or empty where it is not known, as in what is stored.
  // Returns whether both are stored alike.
  friend bool operator==(const anchor& left, const anchor& right) {
    return left.at == right.at && left.mark == right.mark;
  }
};
// Returns the anchor of an event that was read.
template <typename Record>
anchor anchor_of(const Record& event) {
  return {event.position, {event.source, event.id, event.recorded_at.microseconds}, {}};
}

// Moves an anchor to an event that was read. A store that has no history() cannot be restored while it is in use: there
// the event is left unknown, since looking at its id costs more than the rest of a pass over events in memory.
template <Storage S, typename Record>
void move_to(anchor& from, const Record& event) {
  from.at = event.position;
  if constexpr (HistoryStorage<S>) {
    from.mark.source.assign(event.source);
    from.mark.id.assign(event.id);
    from.mark.recorded = event.recorded_at.microseconds;
  } else if (!from.mark.id.empty()) {
    from.mark = {};
  }
}

// Returns whether the marks show two events. They do not where one of them is not known.
inline bool are_other_events(const event_mark& left, const event_mark& right) {
  if (left.id.empty() || right.id.empty()) return false;
  const bool is_known = left.recorded != 0 && right.recorded != 0;
  return left != right || (is_known && left.recorded != right.recorded);
}

struct anchor_in_store {
  anchor found{};
  position head = 0;
};
// Returns the anchor of the store at a position, or where the store ends before it. It costs one read.
template <Storage S>
anchor_in_store anchor_at(S& storage, position at) {
  anchor_in_store made;
  const auto read = storage.read(query::all(), {.order = direction::backwards, .until = at, .limit = 1},
                                 [&](const auto& record) { made.found.mark = anchor_of(record).mark; });
  made.head = read.head;
  made.found.at = std::min(at, read.head);
  return made;
}

[[noreturn]] inline void raise_history_changed(const std::string& name, const anchor& from, std::string_view why) {
  raise({.code = error_code::history_changed,
         .message = "follower " + text::in_quotes(name) + " stands at position " + std::to_string(from.at) + ", but " +
                    std::string(why) + ": the store was restored or replaced; rebuild, or reset the follower",
         .event_id = from.mark.id,
         .position = from.at});
}

// Throws history_changed when the store has not the event of the anchor, as far as that can be seen.
template <Storage S>
void verify(const std::string& name, const anchor& from, S& storage) {
  if (from.at == 0) return;
  const auto now = anchor_at(storage, from.at);
  if (now.head < from.at) raise_history_changed(name, from, "the store ends at position " + std::to_string(now.head));
  if (are_other_events(now.found.mark, from.mark))
    raise_history_changed(name, from, "the last event there is another one than " + text::in_quotes(from.mark.id));
}

// Hands out the events in (from, until] and moves `from` past each that `visit` takes,
// and at the end to where the store ended at the beginning.
//
// What is handed out is of the history of `from`, and of that of the target that `begin(target)` is told: whoever finds
// later that the target still stands knows that all of it was. Throws history_changed where it is seen at once.
template <Storage S, typename Begin, typename Visit>
void read_history(S& storage, const std::string& name, const query& which, anchor& from, position until, Begin&& begin,
                  Visit&& visit) {
  auto history = history_of(storage);
  if (!from.history.empty() && from.history != history)
    raise_history_changed(name, from, "the store has another history now");
  from.history = std::move(history);
  const auto target = anchor_at(storage, std::max(until, from.at));
  if (target.head < from.at)
    raise_history_changed(name, from, "the store ends at position " + std::to_string(target.head));
  if (target.found.at == from.at) {
    if (are_other_events(target.found.mark, from.mark))
      raise_history_changed(name, from, "the last event there is another one than " + text::in_quotes(from.mark.id));
    return;
  }
  verify(name, from, storage);
  begin(target.found);
  const auto read = storage.read(which, {.after = from.at, .until = target.found.at}, [&](const auto& event) {
    if (!visit(event)) return false;
    move_to<S>(from, event);
    return true;
  });
  if (read.head < target.found.at)
    raise_history_changed(name, from, "the store ends at position " + std::to_string(read.head));
  if (!read.complete) return;
  from.at = target.found.at;
  from.mark = target.found.mark;
}

}  // namespace must::detail::following

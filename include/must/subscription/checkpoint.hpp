// SPDX-License-Identifier: MIT
// The checkpoint of a follower, a subscription or a projection: how far it came, in which history.
#pragma once

#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/storage.hpp"
#include "must/storage/abilities.hpp"
#include "must/subscription/fenced_cell.hpp"
#include "must/text/quoted.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace must::detail::following {

// The last event at or below a position that the store shows: a context does not show every one. Empty when there is
// none.
struct event_mark {
  std::string source{};
  std::string id{};
  friend bool operator==(const event_mark&, const event_mark&) = default;
};

template <Storage S>
event_mark mark_at(S& storage, position at) {
  event_mark found;
  if (at == 0) return found;
  static_cast<void>(storage.read(query::all(), {.order = direction::backwards, .until = at, .limit = 1},
                                 [&](const auto& record) { found = {record.source, record.id}; }));
  return found;
}

// Which store it is, where the store knows: one that was copied or restored is told from the one it was made from.
template <Storage S>
std::string history_of(const S& storage) {
  if constexpr (HistoryStorage<S>)
    return storage.history();
  else
    return {};
}

struct checkpoint {
  position at = 0;
  event_mark mark{};
  std::string history{};
  bool clean = true;  // whether the last owner stopped in order
  unsigned lanes = 1;

  [[nodiscard]] std::vector<std::string> fields() const {
    return {std::to_string(at), mark.source, mark.id, history, clean ? "1" : "0", std::to_string(lanes)};
  }
  [[nodiscard]] static checkpoint of(const std::vector<std::string>& fields) {
    return {read_count(fields, 0),
            {read_field(fields, 1), read_field(fields, 2)},
            read_field(fields, 3),
            read_field(fields, 4) == "1",
            read_count<unsigned>(fields, 5, 1'024)};
  }
};

template <Storage S>
checkpoint checkpoint_at(S& storage, position at) {
  return {.at = at, .mark = mark_at(storage, at), .history = history_of(storage)};
}

[[noreturn]] inline void raise_history_changed(const std::string& name, const checkpoint& from, std::string_view why) {
  raise({.code = error_code::history_changed,
         .message = "follower " + text::in_quotes(name) + " stands at position " + std::to_string(from.at) + ", but " +
                    std::string(why) + ": the store was restored or replaced; rebuild, or start under another name",
         .event_id = from.mark.id,
         .position = from.at});
}

// Throws history_changed when the store is not the one that the checkpoint is of, as far as that can be seen.
template <Storage S>
void verify(const std::string& name, const checkpoint& from, S& storage) {
  const auto head = storage.head();
  if (from.at > head) raise_history_changed(name, from, "the store ends at position " + std::to_string(head));
  const auto history = history_of(storage);
  if (!from.history.empty() && !history.empty() && from.history != history)
    raise_history_changed(name, from, "the store is another one");
  if (mark_at(storage, from.at) != from.mark)
    raise_history_changed(name, from, "the last event there is another one than " + text::in_quotes(from.mark.id));
}

}  // namespace must::detail::following

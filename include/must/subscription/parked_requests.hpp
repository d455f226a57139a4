// SPDX-License-Identifier: MIT
// The parked events of a subscription, for processes that do not follow: they read them, and ask the one that follows.
#pragma once

#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/storage.hpp"
#include "must/storage/kit/validate.hpp"
#include "must/stored_names.hpp"
#include "must/subscription/checkpoint.hpp"
#include "must/subscription/fenced_cell.hpp"
#include "must/subscription/follower.hpp"
#include "must/subscription/former_cells.hpp"
#include "must/subscription/parked_event.hpp"
#include "must/text/quoted.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace must::detail::following {

// Returns the epoch of the last reset.
template <CellStorage S>
std::uint64_t last_reset(S& storage, const follower& who) {
  const auto found = find_cell(storage, who);
  if (!found) return 0;
  const auto content = owned_fields::of(found->bytes);
  return content.fields.empty() ? content.by.epoch + 1 : checkpoint::of(content.fields).since;
}
// Returns the parked events, whichever process follows.
template <CellStorage S>
parked_content parked_of(S& storage, const follower& who, std::uint64_t since) {
  const auto found = find_cell(storage, who, "parked");
  if (!found) return {};
  const auto content = owned_fields::of(found->bytes);
  return content.by.epoch < since ? parked_content{} : parked_content::of(content.fields);
}
// Returns whether the store has the event where it was parked. A deadline, and an entry without an id, is taken
// for one that stands.
template <CellStorage S>
bool still_stands(S& storage, const parked_event& one) {
  bool stands = one.id.empty() || !one.deadline.empty();
  if (!stands)
    static_cast<void>(storage.read(query::all(), {.after = one.position - 1, .until = one.position},
                                   [&](const auto& event) { stands = event.id == one.id; }));
  return stands;
}
[[noreturn]] inline void raise_parked_elsewhere(const follower& who, const parked_event& one) {
  raise({.code = error_code::history_changed,
         .message = "the event " + text::in_quotes(one.id) + " that follower " + text::in_quotes(who.shown()) +
                    " has parked is not at position " + std::to_string(one.position) +
                    " any more: the store was restored or replaced; rebuild, or reset the follower",
         .event_id = one.id,
         .position = one.position});
}
// Returns the parked events as a person sees them. It reads each of them.
template <CellStorage S>
std::vector<parked_event> list_parked(S& storage, const follower& who) {
  auto all = parked_of(storage, who, last_reset(storage, who)).all;
  for (auto& one : all) one.is_gone = !still_stands(storage, one);
  return all;
}
// Takes the content out of the cells beside a checkpoint that was removed, unless a later epoch has them by now.
template <CellStorage S>
void empty_cells(S& storage, const std::string& checkpoint_key, std::uint64_t epoch) {
  const auto prefix = checkpoint_key + "/";
  for (const auto& key : storage.list(prefix))
    for (bool done = false; !done;) {
      const auto seen = storage.get(key);
      if (!seen) break;
      if (std::string_view(key).substr(prefix.size()) == "requests") {
        const auto asked = parked_requests::of(seen->bytes);
        if (asked.since > epoch) break;
        const parked_requests none{.since = epoch, .last = asked.last};
        done = storage.put(key, none.bytes(), seen->revision);
      } else {
        const auto by = owned_fields::of(seen->bytes).by;
        if (by.epoch > epoch) break;
        const owned_fields none{{"", by.epoch, by.lease}, {}};
        done = storage.put(key, none.bytes(), seen->revision);
      }
    }
}
// Does the same for those that an earlier release wrote.
template <CellStorage S>
void empty_former_cells(S& storage, const std::string& checkpoint_key) {
  const auto prefix = checkpoint_key + "/";
  for (const auto& key : storage.list(prefix)) {
    const auto found = storage.get(key);
    if (found && is_former_part(std::string_view(key).substr(prefix.size()), found->bytes))
      overwrite(storage, key, moved_mark);
  }
}
// Asks the process that follows, now or next. Nothing is asked when nothing is parked. Throws bad_input when that event
// is not parked, and history_changed when another stands there now.
template <CellStorage S>
void ask(S& storage, const follower& who, parked_request::action what, const parked_choice& which = 0) {
  const auto key = stored_names::beside(who.cell(), "requests").now;
  for (;;) {
    const auto since = last_reset(storage, who);
    const auto parked = parked_of(storage, who, since);
    const auto of = request_for(which.chosen());
    const auto found = chosen_among(parked.all, of.empty(), [&](const auto& one) { return which.is(one); });
    if (what != parked_request::action::replay_all && found.size() != 1)
      kit::refuse_input("position", "is " + std::to_string(which.chosen().position) + ": subscription " +
                                        text::in_quotes(who.shown()) +
                                        (found.empty() ? " has parked no event there"
                                                       : " has left several keys to do there: choose among parked()"));
    for (const auto& one : found)
      if (!still_stands(storage, one)) raise_parked_elsewhere(who, one);
    if (parked.all.empty()) return;
    const auto asked = storage.get(key);
    auto requests = asked ? parked_requests::of(asked->bytes) : parked_requests{};
    if (requests.since != since) requests.open.clear();
    requests.since = since;
    requests.last = std::max(requests.last, parked.done) + 1;
    std::erase_if(requests.open, [&](const auto& one) { return one.number <= parked.done; });
    requests.open.push_back({requests.last, what, which.chosen().position, of});
    if (storage.put(key, requests.bytes(), asked ? asked->revision : 0)) return;
  }
}

}  // namespace must::detail::following

// SPDX-License-Identifier: MIT
// The parked events of a subscription, for processes that do not follow: they read them, and ask the one that follows.
#pragma once

#include "must/fwd.hpp"
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
// Asks the process that follows, now or next. Nothing is asked when nothing is parked. Throws bad_input when that event
// is not parked.
template <CellStorage S>
void ask(S& storage, const follower& who, parked_request::action what, position event = 0) {
  const auto key = stored_names::beside(who.cell(), "requests").now;
  for (;;) {
    const auto since = last_reset(storage, who);
    const auto parked = parked_of(storage, who, since);
    const bool is_parked =
        std::any_of(parked.all.begin(), parked.all.end(), [&](const auto& one) { return one.position == event; });
    if (what != parked_request::action::replay_all && !is_parked)
      kit::refuse_input("position", "is " + std::to_string(event) + ": subscription " + text::in_quotes(who.shown()) +
                                        " has parked no event there");
    if (parked.all.empty()) return;
    const auto found = storage.get(key);
    auto requests = found ? parked_requests::of(found->bytes) : parked_requests{};
    if (requests.since != since) requests.open.clear();
    requests.since = since;
    requests.last = std::max(requests.last, parked.done) + 1;
    std::erase_if(requests.open, [&](const auto& one) { return one.number <= parked.done; });
    requests.open.push_back({requests.last, what, event});
    if (storage.put(key, requests.bytes(), found ? found->revision : 0)) return;
  }
}

}  // namespace must::detail::following

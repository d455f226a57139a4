// SPDX-License-Identifier: MIT
// Stores what a process manager decides, and what becomes of it, in the stream of the instance.
#pragma once

#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/model/process_manager/event_codec.hpp"  // IWYU pragma: keep
#include "must/model/process_manager/events.hpp"
#include "must/model/process_manager/instance.hpp"
#include "must/process_command/make_event.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/stored_names.hpp"
#include "must/text/quoted.hpp"

#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

namespace must::detail::model {

// Throws storage_error when the store has lost a decision, as it was put back to an earlier copy. It may pass: what was
// decided on is handled again.
template <typename S>
void check_stands(S& storage, const seen_event& decision) {
  const auto found = storage.find(decision.source, decision.id);
  if (found && found->position == decision.position) return;
  raise({.code = error_code::storage_error,
         .message = "the decision " + text::in_quotes(decision.id) + " of a process manager is not at position " +
                    std::to_string(decision.position) + " any more: the store was restored or replaced",
         .event_id = decision.id,
         .position = decision.position,
         .operation = "append",
         .retryable = true});
}
// Stores an event in the stream of an instance. Returns false when something else was stored there since `expected`.
// Throws when the store has not the event that was `seen`: history_changed, or what check_stands throws for a decision.
template <typename S, typename E>
bool store_in_process(S& storage, const process_cause& cause, const E& event, std::string id,
                      std::optional<must::version> expected, const seen_event& seen = {}) {
  attributes caused;
  if (!cause.id.empty()) {
    caused.emplace(stored_names::extension::causation_id, cause.id);
    caused.emplace(stored_names::extension::correlation_id, cause.correlation);
  }
  const pipeline::event_context context{storage.origin(), storage.origin().clock->now(), {}, &caused};
  auto record = pipeline::make_event<typename S::data_type>(event, context);
  record.id = std::move(id);
  append_condition condition;
  if (seen.position != 0) condition.seen.push_back(seen);
  if (expected) condition.streams.push_back(stream_expectation::exactly(record.subject, *expected));
  try {
    const auto answer = storage.append(std::span(&record, 1), condition);
    if (!answer.stored() && answer.why().failed == conflict::part::history) {
      if constexpr (std::is_same_v<E, process_decided>)
        if (seen.position == event.position) raise_event_is_lost(seen.id, seen.position);
      check_stands(storage, seen);
      raise({.code = error_code::storage_error,
             .message = "the history of the store changed during the append",
             .operation = "append",
             .retryable = true});
    }
    return answer.stored();
  } catch (const duplicate_id&) {
    return false;
  }
}

}  // namespace must::detail::model

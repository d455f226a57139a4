// SPDX-License-Identifier: MIT
// The running instances of a process manager, listed, and ended by hand.
#pragma once

#include "must/codec/versions.hpp"
#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/model/process_manager/events.hpp"
#include "must/model/process_manager/instance.hpp"
#include "must/model/process_manager/storing.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/storage.hpp"
#include "must/stored_names.hpp"
#include "must/text/quoted.hpp"
#include "must/timestamp.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace must {

/// An instance of a process manager that has begun and not ended.
struct running_process {
  std::string key{};            ///< The key of the instance.
  timestamp begun{};            ///< The time at which its first decision was stored.
  timestamp moved{};            ///< The time at which its newest decision was stored.
  std::uint64_t decisions = 0;  ///< The number of its decisions.

  /// The deadlines that are set and not cancelled. One that has passed stays until the instance ends or sets it anew.
  std::vector<process_decided::deadline> deadlines{};
};

namespace detail::model {

template <CellStorage S>
std::vector<running_process> running_processes(S& storage, const std::string& manager) {
  std::map<std::string, running_process> all;
  const auto note = [&](const auto& record, const process_decided& event) {
    if (event.manager != manager) return;
    if (event.ended) {
      all.erase(event.key);
      return;
    }
    auto& one = all[event.key];
    if (one.decisions++ == 0) one.key = event.key, one.begun = record.recorded_at;
    one.moved = record.recorded_at;
    const auto drop = [&](const std::string& name) {
      one.deadlines.erase(std::remove_if(one.deadlines.begin(), one.deadlines.end(),
                                         [&](const auto& other) { return other.name == name; }),
                          one.deadlines.end());
    };
    for (const auto& name : event.cancelled) drop(name);
    for (const auto& set : event.deadlines) {
      drop(set.name);
      one.deadlines.push_back(set);
    }
  };
  const query decisions{query_item{.types = {process_decided::type}, .tags = {stored_names::process_tag(manager)}}};
  static_cast<void>(storage.read(decisions, {}, [&](const recorded<typename S::data_type>& record) {
    coding::with_event<process_decided>(record, [&](const process_decided& event) { note(record, event); });
  }));
  std::vector<running_process> running;
  running.reserve(all.size());
  for (auto& [key, one] : all) running.push_back(std::move(one));
  return running;
}

template <CellStorage S>
bool end_process_of(S& storage, const std::string& manager, const std::string& key) {
  for (int conflicts = 0; conflicts <= 16; ++conflicts) {
    process_instance one(manager, key);
    one.catch_up(storage);
    if (!one.has_started() || one.has_ended()) return false;
    const process_decided ended{.manager = manager, .key = key, .on = trigger_kind::hand, .ended = true};
    const auto id = storage.origin().ids->next(storage.origin().clock->now());
    if (store_in_process(storage, {}, ended, id, one.version())) return true;
  }
  raise({.code = error_code::version_conflict,
         .message = "the process " + text::in_quotes(key) + " decided something else, as often as it was to be ended",
         .stream = stored_names::process_stream(manager, key).now});
}

}  // namespace detail::model
}  // namespace must

// SPDX-License-Identifier: MIT
// One instance of a process, as its stream tells it.
#pragma once

#include "must/codec/versions.hpp"
#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/model/process_manager/events.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/storage.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace must::detail::model {

// What a decision is made on.
struct process_trigger {
  std::string id{};
  position event = 0;  // 0 for an outcome or a deadline
};

class process_instance {
 public:
  struct decision {
    std::string id{};
    process_decided what{};
    std::map<std::uint32_t, process_outcome> outcomes{};
  };

  // Reads the stream of the instance. Costs its decisions.
  template <Storage S>
  static process_instance load(S& storage, const std::string& stream) {
    process_instance made;
    const auto read = storage.read(query::of_stream(stream), {}, [&](const recorded<typename S::data_type>& record) {
      made.version_ = record.version;
      coding::with_event<process_decided>(record, [&](const process_decided& event) { made.add(record.id, event); });
      coding::with_event<process_outcome>(record, [&](const process_outcome& event) { made.add(event); });
    });
    if (!read.complete)
      raise({.code = error_code::storage_error, .message = "the store ended a read early", .operation = "read"});
    return made;
  }

  void add(const std::string& id, const process_decided& event) {
    decisions_.push_back({id, event});
    ended_ = ended_ || event.ended;
  }
  void add(const process_outcome& event) {
    const auto at = std::find_if(decisions_.begin(), decisions_.end(),
                                 [&](const decision& one) { return one.id == event.decision; });
    if (at != decisions_.end()) at->outcomes.emplace(event.index, event);
  }
  [[nodiscard]] must::version version() const { return version_; }
  [[nodiscard]] bool has_started() const { return !decisions_.empty(); }
  [[nodiscard]] bool has_ended() const { return ended_; }
  [[nodiscard]] const std::vector<decision>& decisions() const { return decisions_; }
  [[nodiscard]] const decision* on(std::string_view trigger) const {
    for (const auto& one : decisions_)
      if (one.what.trigger == trigger) return &one;
    return nullptr;
  }
  // Whether a deadline of a decision still stands: neither set anew, nor cancelled.
  [[nodiscard]] bool awaits(std::string_view decision_id, std::string_view name) const {
    bool stands = false;
    for (const auto& one : decisions_) {
      for (const auto& cancelled : one.what.cancelled) stands = stands && cancelled != name;
      for (const auto& set : one.what.deadlines)
        if (set.name == name) stands = one.id == decision_id;
    }
    return stands && !ended_;
  }

 private:
  std::vector<decision> decisions_{};
  must::version version_ = 0;
  bool ended_ = false;
};

}  // namespace must::detail::model

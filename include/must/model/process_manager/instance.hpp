// SPDX-License-Identifier: MIT
// One instance of a process, read from its stream: all of it once, and then what is new.
#pragma once

#include "must/codec/versions.hpp"
#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/model/process_manager/events.hpp"
#include "must/process_command/resume.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/storage.hpp"
#include "must/storage/kit/validate.hpp"
#include "must/stored_names.hpp"
#include "must/text/quoted.hpp"
#include "must/timestamp.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace must::detail::model {

using trigger_kind = process_decided::cause;

// Names what a decision is made on. Earlier releases joined the parts by a text that the parts may hold.
struct process_trigger {
  trigger_kind on = trigger_kind::unknown;
  std::string now{}, former{};
  seen_event event{};

  [[nodiscard]] static process_trigger of_event(const std::string& source, const std::string& id, position at) {
    return {trigger_kind::event, stored_names::joined({source, id}), source + " " + id, {at, source, id}};
  }
  [[nodiscard]] static process_trigger of_refusal(const std::string& decision, std::uint32_t index) {
    const auto number = std::to_string(index);
    return {trigger_kind::refusal, stored_names::joined({decision, number}), decision + "/" + number};
  }
  [[nodiscard]] static process_trigger of_deadline(const std::string& decision, const std::string& name) {
    return {trigger_kind::deadline, stored_names::joined({decision, name}), decision + "/" + name};
  }
  // Is what a deadline is passed over for good by, as it fails.
  [[nodiscard]] static process_trigger of_passing_over(const std::string& decision, const std::string& name) {
    return {trigger_kind::hand, stored_names::joined({decision, name}), {}};
  }
  [[nodiscard]] bool is_of(const process_decided& decided) const {
    if (decided.on == trigger_kind::unknown)
      return decided.trigger == former && (decided.position == 0) == (event.position == 0);
    return decided.on == on && decided.trigger == now;
  }
};

// What is known of the event that made `must` do something. An id that an attribute may not hold is escaped.
struct process_cause {
  std::string id{};
  attribute_value correlation{};

  template <typename Data>
  [[nodiscard]] static process_cause of(const basic_event<Data>& event) {
    auto id = kit::is_attribute_text(event.id) ? event.id : text::printable(event.id);
    const auto found = event.extensions.find(std::string_view(stored_names::extension::correlation_id));
    auto correlation = found == event.extensions.end() ? attribute_value(id) : found->second;
    return {std::move(id), std::move(correlation)};
  }
};

[[noreturn]] inline void raise_event_is_lost(const std::string& id, position at, const std::string& stream = {}) {
  raise({.code = error_code::history_changed,
         .message = "the event " + text::in_quotes(id) + " that a process has seen at position " + std::to_string(at) +
                    " is not there any more: the store was restored or replaced; reset the follower" +
                    (stream.empty() ? "" : ", and end by hand the process that has decided on it"),
         .stream = stream,
         .event_id = id,
         .position = at});
}

class process_instance {
 public:
  struct decision {
    seen_event stored{};
    timestamp time{};  // The time of the clock, which is before `recorded_at` when a clock was ahead.
    process_cause cause{};
    process_decided what{};
    // The number of decisions before it, without a pause, that only the process itself has led to.
    std::size_t in_a_row = 0;
    std::map<std::uint32_t, process_outcome> outcomes{};
  };

  process_instance(std::string manager, std::string key) : manager_(std::move(manager)), key_(std::move(key)) {
    const auto name = stored_names::process_stream(manager_, key_);
    stream_ = name.now;
    std::vector<query_item> items{{.stream = name.now}};
    if (name.has_former()) items.push_back({.stream = name.former});
    events_ = query(std::move(items));
  }

  // Reads what is new. It costs that, and one event.
  template <Storage S>
  void catch_up(S& storage) {
    if (read_on(storage)) return;
    raise({.code = error_code::history_changed,
           .message = "the stream " + text::in_quotes(stream_) + " of a process is not the one that was read before",
           .stream = stream_});
  }
  [[nodiscard]] const std::string& key() const { return key_; }
  [[nodiscard]] const std::string& stream() const { return stream_; }
  [[nodiscard]] must::version version() const { return version_; }
  [[nodiscard]] bool has_started() const { return !decisions_.empty(); }
  [[nodiscard]] bool has_ended() const { return ended_; }
  [[nodiscard]] const std::deque<decision>& decisions() const { return decisions_; }
  [[nodiscard]] const decision* find(std::string_view id) const {
    const auto found = by_id_.find(std::string(id));
    return found == by_id_.end() ? nullptr : &decisions_[found->second];
  }
  // Returns the place of the decision that was made on something, or nothing when there is none.
  [[nodiscard]] std::optional<std::size_t> on(const process_trigger& trigger) const {
    for (const auto* text : {&trigger.now, &trigger.former}) {
      const auto [first, last] = by_trigger_.equal_range(*text);
      for (auto at = first; at != last; ++at)
        if (trigger.is_of(decisions_[at->second].what)) return at->second;
    }
    return std::nullopt;
  }
  // Returns what a decision on something follows from: the event, or the newest decision, whichever was stored later.
  [[nodiscard]] const seen_event& newest_of(const process_trigger& trigger) const {
    const bool is_event = decisions_.empty() || decisions_.back().stored.position < trigger.event.position;
    return is_event ? trigger.event : decisions_.back().stored;
  }
  // Returns whether a deadline of a decision still stands, since it is neither set anew nor cancelled.
  [[nodiscard]] bool awaits(const std::string& decision_id, const std::string& name) const {
    const auto found = deadlines_.find(name);
    return found != deadlines_.end() && found->second == decision_id && !ended_;
  }
  // Returns how many decisions in a row only the process itself has led to, if one is made on this.
  [[nodiscard]] std::size_t in_a_row(const process_decided& next) const {
    if (next.on != trigger_kind::refusal && next.on != trigger_kind::deadline) return 0;
    const auto* parent = parent_of(next);
    if (parent == nullptr) return 0;
    for (const auto& one : parent->what.deadlines)
      if (next.on == trigger_kind::deadline && next.trigger == stored_names::joined({parent->stored.id, one.name}) &&
          one.due.microseconds > parent->time.microseconds)
        return 0;
    return parent->in_a_row + 1;
  }
  // Returns the command whose refusal a decision is made on, or nullptr when it is made on something else.
  [[nodiscard]] const issued_command* refused_command(const process_decided& next) const {
    const auto* parent = next.on == trigger_kind::refusal ? parent_of(next) : nullptr;
    if (parent == nullptr) return nullptr;
    for (std::uint32_t i = 0; i < parent->what.commands.size(); ++i)
      if (next.trigger == process_trigger::of_refusal(parent->stored.id, i).now) return &parent->what.commands[i];
    return nullptr;
  }

 private:
  [[nodiscard]] const decision* parent_of(const process_decided& next) const {
    return find(std::string_view(next.trigger).substr(0, next.trigger.find('/')));
  }
  template <Storage S>
  bool read_on(S& storage) {
    using event_type = recorded<typename S::data_type>;
    auto from = last_.position == 0 ? pipeline::resume_point() : pipeline::resume_point(last_, 0);
    const auto read = storage.read(events_, {.after = from.read_after()}, [&](const event_type& record) {
      if (!from.admits(record.position, record.id, record.recorded_at)) return;
      if (record.subject == stream_) version_ = record.version;
      coding::with_event<process_decided>(record, [&](const process_decided& event) { add(record, event); });
      coding::with_event<process_outcome>(record, [&](const process_outcome& event) { add(event); });
    });
    if (!read.complete)
      raise({.code = error_code::storage_error, .message = "the store ended a read early", .operation = "read"});
    if (last_.position != 0 && from.is_stale()) return false;
    last_ = from.last();
    return true;
  }
  // Two instances of an earlier release may share a stream.
  template <typename Event>
  [[nodiscard]] bool is_own(const Event& event) const {
    return event.manager == manager_ && event.key == key_;
  }
  template <typename Data>
  void add(const recorded<Data>& record, const process_decided& event) {
    if (!is_own(event)) return;
    by_id_.emplace(record.id, decisions_.size());
    by_trigger_.emplace(event.trigger, decisions_.size());
    decisions_.push_back({{record.position, record.source, record.id},
                          record.time.value_or(record.recorded_at),
                          process_cause::of(record),
                          event,
                          in_a_row(event),
                          {}});
    if (event.on == trigger_kind::hand)
      std::erase_if(deadlines_, [&](const auto& one) {
        return process_trigger::of_passing_over(one.second, one.first).is_of(event);
      });
    for (const auto& name : event.cancelled) deadlines_.erase(name);
    for (const auto& one : event.deadlines) deadlines_.insert_or_assign(one.name, record.id);
    ended_ = ended_ || event.ended;
  }
  void add(const process_outcome& event) {
    if (const auto found = by_id_.find(event.decision); is_own(event) && found != by_id_.end())
      decisions_[found->second].outcomes.emplace(event.index, event);
  }

  std::string manager_, key_, stream_{};
  query events_{};
  pipeline::folded_event last_{};  // The last event that was read.
  must::version version_ = 0;
  std::deque<decision> decisions_{};
  std::unordered_map<std::string, std::size_t> by_id_{};
  std::unordered_multimap<std::string, std::size_t> by_trigger_{};
  std::unordered_map<std::string, std::string> deadlines_{};  // The decisions that have set the deadlines that stand.
  bool ended_ = false;
};

}  // namespace must::detail::model

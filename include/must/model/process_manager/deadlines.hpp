// SPDX-License-Identifier: MIT
// The deadlines of a process manager that are still to be dealt with, read from its decisions and kept in a cell.
#pragma once

#include "must/codec/versions.hpp"
#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/model/process_manager/event_codec.hpp"
#include "must/model/process_manager/events.hpp"
#include "must/model/process_manager/instance.hpp"
#include "must/process_command/resume.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/storage.hpp"
#include "must/stored_names.hpp"
#include "must/timestamp.hpp"

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace must::detail::model {

// A deadline as the decision of that id has set it.
struct pending_deadline {
  std::string key{}, decision{}, name{};
  friend auto operator<=>(const pending_deadline&, const pending_deadline&) = default;
};

// The deadlines. The cell is true whoever wrote it: nothing at or below its position is pending but what it names.
class process_deadlines {
 public:
  static constexpr std::uint64_t keep_every = 500;  // The cell is written after so many decisions.

  explicit process_deadlines(const std::string& manager)
      : cell_(stored_names::process_deadlines(manager)),
        decisions_({query_item{.types = {process_decided::type}, .tags = {stored_names::process_tag(manager)}}}) {}

  // Reads the decisions since the last time. The first time, it reads those since the cell was written.
  template <CellStorage S>
  void catch_up(S& storage) {
    if (!std::exchange(begun_, true)) {
      auto kept = storage.get(cell_.now);
      if (!kept && cell_.has_former()) kept = storage.get(cell_.former);
      recall(kept);
    }
    if (!read_on(storage)) {  // The cell is of another history.
      forget();
      static_cast<void>(read_on(storage));
    }
    if (unkept_ >= keep_every) keep(storage);
  }
  // Returns the first deadline that has passed and is not set aside.
  template <typename IsAside>
  [[nodiscard]] std::optional<pending_deadline> due(timestamp now, IsAside&& is_aside) const {
    for (auto at = by_time_.begin(); at != by_time_.end() && at->first <= now.microseconds; ++at)
      if (!is_aside(at->second)) return at->second;
    return std::nullopt;
  }
  // Returns the time at which the next deadline passes after `now`, in microseconds.
  [[nodiscard]] std::optional<std::int64_t> next(timestamp now) const {
    const auto found = by_time_.lower_bound({now.microseconds + 1, {}});
    if (found == by_time_.end()) return std::nullopt;
    return found->first;
  }
  // Notes that everything is stored that follows from a deadline.
  void done(const pending_deadline& one) {
    if (const auto found = pending_.find(one); found != pending_.end()) erase(found);
  }

 private:
  struct state {
    std::int64_t due = 0;     // Microseconds since 1970.
    bool is_decided = false;  // What follows from it is stored, and may not be done yet.
  };
  using iterator = std::map<pending_deadline, state>::iterator;

  void forget() {
    last_ = {};
    unkept_ = 0;
    pending_.clear();
    by_time_.clear();
  }
  template <typename S>
  bool read_on(S& storage) {
    auto from = last_.position == 0 ? pipeline::resume_point() : pipeline::resume_point(last_, unkept_);
    using event_type = recorded<typename S::data_type>;
    static_cast<void>(storage.read(decisions_, {.after = from.read_after()}, [&](const event_type& record) {
      if (from.admits(record.position, record.id, record.recorded_at))
        coding::with_event<process_decided>(record, [&](const process_decided& event) { note(record.id, event); });
    }));
    if (last_.position != 0 && from.is_stale()) return false;
    last_ = from.last();
    unkept_ = from.unsaved();
    return true;
  }
  void note(const std::string& id, const process_decided& event) {
    for (auto at = first_of(event.key); at != pending_.end() && at->first.key == event.key; ++at)
      if (process_trigger::of_deadline(at->first.decision, at->first.name).is_of(event)) at->second.is_decided = true;
    if (event.on == trigger_kind::hand) pass_over(event);
    for (const auto& name : event.cancelled) drop(event.key, &name);
    for (const auto& one : event.deadlines) {
      drop(event.key, &one.name);
      add({event.key, id, one.name}, {one.due.microseconds});
    }
    if (event.ended) drop(event.key, nullptr);
  }
  // Erases the deadline that was passed over for good.
  void pass_over(const process_decided& event) {
    for (auto at = first_of(event.key); at != pending_.end() && at->first.key == event.key; ++at)
      if (process_trigger::of_passing_over(at->first.decision, at->first.name).is_of(event)) {
        erase(at);
        return;
      }
  }
  // Erases the deadlines of a key, of one name or of all, that nothing was decided on.
  void drop(const std::string& key, const std::string* name) {
    for (auto at = first_of(key); at != pending_.end() && at->first.key == key;)
      at = at->second.is_decided || (name != nullptr && at->first.name != *name) ? std::next(at) : erase(at);
  }
  [[nodiscard]] iterator first_of(const std::string& key) { return pending_.lower_bound({key, {}, {}}); }
  void add(pending_deadline one, state how) {
    by_time_.emplace(how.due, one);
    pending_.emplace(std::move(one), how);
  }
  iterator erase(iterator at) {
    by_time_.erase({at->second.due, at->first});
    return pending_.erase(at);
  }

  // Reads the cell. A cell that cannot be read is as good as none.
  void recall(const std::optional<cell>& kept) {
    if (!kept) return;
    try {
      pipeline::folded_event last;
      std::vector<std::string> all;
      read_text_object(payload("application/json", kept->bytes), [&](const std::string& name, auto values) {
        if (name == "deadlines") {
          all = std::move(values);
        } else if (!values.empty()) {
          if (name == "position") last.position = to_count<must::position>(values[0]);
          if (name == "id") last.id = values[0];
        }
      });
      if (last.position == 0) return;
      for (std::size_t i = 0; i + 5 <= all.size(); i += 5)
        add({all[i], all[i + 1], all[i + 2]}, {to_count<std::int64_t>(all[i + 3]), all[i + 4] == "decided"});
      last_ = std::move(last);
    } catch (const codec_error&) {
      forget();
    }
  }
  // Writes the cell. What cannot be stored now is stored another time.
  template <typename S>
  void keep(S& storage) {
    std::vector<std::string> all;
    for (const auto& [one, how] : pending_)
      all.insert(all.end(),
                 {one.key, one.decision, one.name, std::to_string(how.due), how.is_decided ? "decided" : ""});
    text_object_writer out;
    out.put("position", std::to_string(last_.position));
    out.put("id", last_.id);
    out.put("deadlines", all);
    try {
      const auto before = storage.get(cell_.now);
      static_cast<void>(storage.put(cell_.now, std::move(out).finish().bytes(), before ? before->revision : 0));
      unkept_ = 0;
    } catch (const exception&) {}  // It is stored another time. Without it more is read, and nothing is lost.
  }

  stored_names::name cell_;
  query decisions_;
  bool begun_ = false;
  pipeline::folded_event last_{};  // The last decision that was read.
  std::uint64_t unkept_ = 0;
  std::map<pending_deadline, state> pending_{};
  std::set<std::pair<std::int64_t, pending_deadline>> by_time_{};
};

}  // namespace must::detail::model

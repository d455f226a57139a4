// SPDX-License-Identifier: MIT
// Folding: one read for all states of a command, each record handed to the states whose boundary it lies in.
#pragma once

#include "must/codec/versions.hpp"
#include "must/command/rule.hpp"
#include "must/decision.hpp"
#include "must/detail/names.hpp"
#include "must/error.hpp"
#include "must/event.hpp"
#include "must/fwd.hpp"
#include "must/process_command/decide.hpp"
#include "must/process_command/resume.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/storage/kit/matching.hpp"
#include "must/text/quoted.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace must::detail::pipeline {

// Applies a record to a state, if it is one of the events of the state.
template <typename S, typename... Event, typename Data>
void apply_to(S& state, events<Event...>, const recorded<Data>& record) {
  (coding::with_event<Event>(record, [&](const Event& event) { apply_event(state, event, record); }) || ...);
}

template <typename... Event>
constexpr bool is_name_of_any(events<Event...>, type_name name) {
  return (any_is_named(versions_of<Event>{}, name) || ...);
}

// A rule that looked at a boundary guards nothing when what it decided lies elsewhere.
template <typename Data>
[[noreturn]] void refuse_outside(const basic_event<Data>& event) {
  raise({.code = error_code::bad_input,
         .message = "the event " + text::in_quotes(event.type) +
                    (event.subject.empty() ? std::string(" without a stream")
                                           : " of stream " + text::in_quotes(event.subject)) +
                    " lies outside of every boundary that depends_on names, and a state of the command is folded from "
                    "its type: give it the stream or the tags of a boundary, or give the command static constexpr bool "
                    "appends_outside = true",
         .field = "be_translated_to_events",
         .stream = event.subject,
         .type = event.type});
}

// Returns the stream that an event without one joins: that of a command which depends on exactly one stream, whatever
// else it depends on. It is empty when there is no such stream, and lives as long as the query.
inline std::string_view only_stream_of(const query& boundaries) {
  std::string_view only;
  for (const auto& item : boundaries.items()) {
    if (!item.stream || *item.stream == only) continue;
    if (!only.empty()) return {};
    only = *item.stream;
  }
  return only;
}

inline position lower(position one, position other) { return one < other ? one : other; }

// One dependency and how far its stream was seen. The caller keeps the state.
template <typename S>
class boundary {
 public:
  boundary(const dependency<S>& on, bool alone) : on_(&on), alone_(alone) {}

  template <typename Data>
  void apply(const recorded<Data>& record, S& state) {
    if (!alone_ && !kit::matches(on_->item(), {record.type, record.subject, record.tags})) return;
    if (resume_ && !resume_->admits(record.position, record.id, record.recorded_at)) return;
    version_ = record.version;
    apply_to(state, typename S::events{}, record);
  }
  // Tells a state that is new, or was kept somewhere, its key.
  void begin(S& state) const {
    if constexpr (has_made_for<S>) tell_key(state, *on_->key());
  }
  // Takes up a state that was folded before, if the store or the state has one. Returns the position to read after.
  template <typename Storage>
  position take_up(Storage& storage, S& state) {
    if constexpr (is_resumable<S, Storage>) {
      resume_.emplace();
      if (auto known = recall<S>(storage, on_->item())) {
        state = std::move(known->state);
        begin(state);
        version_ = known->version;
        *resume_ = resume_point(known->last, known->unsaved);
      }
    }
    return resume_ ? resume_->read_after() : 0;
  }
  [[nodiscard]] bool is_stale() const { return resume_ && resume_->is_stale(); }
  void start_over(S& state) {
    state = S{};
    begin(state);
    version_ = 0;
    if (resume_) resume_.emplace();
  }
  template <typename Storage>
  void keep(Storage& storage, const S& state) {
    if constexpr (is_resumable<S, Storage>) {
      if (!resume_ || resume_->last().position == 0) return;
      resume_->saved(must::detail::pipeline::keep<S>(storage, on_->item(),
                                                     {state, version_, resume_->last(), resume_->unsaved()}));
    }
  }
  void describe(std::vector<query_item>& items, std::vector<stream_expectation>& streams) const {
    items.push_back(on_->item());
    if (!on_->expected_version()) return;
    if (!on_->item().stream)
      raise({.code = error_code::bad_input,
             .message = "at_version needs a dependency on a stream",
             .field = "at_version"});
    streams.push_back(stream_expectation::exactly(*on_->item().stream, *on_->expected_version()));
  }
  [[nodiscard]] std::optional<conflict> mismatch() const {
    if (!on_->expected_version() || *on_->expected_version() == version_) return std::nullopt;
    return conflict{.failed = conflict::part::stream,
                    .stream = on_->item().stream.value_or(""),
                    .expected = on_->expected_version(),
                    .actual = version_.value};
  }
  [[nodiscard]] version last_version() const { return version_; }
  // Tells the version of a stream, if the boundary is the whole stream.
  void tell_version(std::string_view stream, std::optional<version>& seen) const {
    const auto& item = on_->item();
    if (item.stream == stream && item.types.empty() && item.tags.empty()) seen = version_;
  }

 private:
  const dependency<S>* on_;
  bool alone_;
  version version_ = 0;
  std::optional<resume_point> resume_{};
};

// The boundaries of a dependency with their states, in the shape that the rules get them.
template <typename S, typename Shape>
class fold {
 public:
  fold(const dependency<S>& on, bool alone) : boundaries_{boundary<S>(on, alone)}, states_{} {
    boundaries_.front().begin(states_);
  }
  fold(const std::optional<dependency<S>>& on, bool alone) {
    if (!on) return;
    boundaries_.emplace_back(*on, alone);
    boundaries_.front().begin(states_.emplace());
  }
  fold(const dependency_list<S>& on, bool) : states_(on.each.size()) {
    for (std::size_t i = 0; i < on.each.size(); ++i) {
      boundaries_.emplace_back(on.each[i], false);
      boundaries_[i].begin(states_[i]);
    }
  }

  template <typename Data>
  void apply(const recorded<Data>& record) {
    for (std::size_t i = 0; i < boundaries_.size(); ++i) boundaries_[i].apply(record, state_at(i));
  }
  template <typename Storage>
  position take_up(Storage& storage) {
    position after = UINT64_MAX;
    for (std::size_t i = 0; i < boundaries_.size(); ++i)
      after = lower(after, boundaries_[i].take_up(storage, state_at(i)));
    return after;
  }
  [[nodiscard]] bool is_stale() const {
    for (const auto& one : boundaries_)
      if (one.is_stale()) return true;
    return false;
  }
  void start_over() {
    for (std::size_t i = 0; i < boundaries_.size(); ++i) boundaries_[i].start_over(state_at(i));
  }
  template <typename Storage>
  void keep(Storage& storage) {
    for (std::size_t i = 0; i < boundaries_.size(); ++i) boundaries_[i].keep(storage, state_at(i));
  }
  void describe(std::vector<query_item>& items, std::vector<stream_expectation>& streams) const {
    for (const auto& one : boundaries_) one.describe(items, streams);
  }
  [[nodiscard]] std::optional<conflict> mismatch() const {
    for (const auto& one : boundaries_)
      if (auto found = one.mismatch()) return found;
    return std::nullopt;
  }
  void tell_version(std::string_view stream, std::optional<version>& seen) const {
    for (const auto& one : boundaries_) one.tell_version(stream, seen);
  }
  // Returns whether one of its states is folded from events of a type.
  [[nodiscard]] bool folds(std::string_view type) const {
    return !boundaries_.empty() && is_name_of_any(typename S::events{}, {type.data(), type.size()});
  }
  [[nodiscard]] const Shape& states() const { return states_; }
  [[nodiscard]] version last_version() const { return boundaries_.front().last_version(); }

 private:
  S& state_at(std::size_t i) {
    if constexpr (std::is_same_v<Shape, S>)
      return states_;
    else if constexpr (std::is_same_v<Shape, std::optional<S>>)
      return *states_;
    else
      return states_[i];
  }
  std::vector<boundary<S>> boundaries_{};
  Shape states_{};
};

template <typename S>
std::tuple<fold<S, S>> make_folds(const dependency<S>& on, bool alone) {
  return {fold<S, S>(on, alone)};
}
template <typename S>
std::tuple<fold<S, std::vector<S>>> make_folds(const dependency_list<S>& on, bool alone) {
  return {fold<S, std::vector<S>>(on, alone)};
}
template <typename S>
std::tuple<fold<S, std::optional<S>>> make_folds(const std::optional<dependency<S>>& on, bool alone) {
  return {fold<S, std::optional<S>>(on, alone)};
}
template <typename... Dependency>
auto make_folds(const dependencies<Dependency...>& on, bool) {
  return std::apply([](const Dependency&... each) { return std::tuple_cat(make_folds(each, false)...); }, on.all);
}

// The states of one command: what they are folded from, how far, and the condition that follows.
template <typename Dependencies, typename Data>
class folding {
 public:
  explicit folding(Dependencies on) : on_(std::move(on)), folds_(make_folds(on_, true)) {
    std::vector<query_item> items;
    std::apply([&](const auto&... each) { (each.describe(items, condition_.streams), ...); }, folds_);
    condition_.query = query(std::move(items));
  }
  folding(const folding&) = delete;
  folding& operator=(const folding&) = delete;

  // Folds what has been stored since the last call.
  template <typename S>
  void catch_up(S& storage) {
    if (condition_.query.is_none()) return;
    if (condition_.after != 0) return read_on(storage, condition_.after);
    position after = UINT64_MAX;
    std::apply([&](auto&... each) { ((after = lower(after, each.take_up(storage))), ...); }, folds_);
    read_on(storage, after);
    if (!std::apply([](const auto&... each) { return (each.is_stale() || ...); }, folds_)) return;
    start_over();
    read_on(storage, 0);
  }
  // Forgets what is folded, since the store has not all of it any more.
  void start_over() {
    std::apply([](auto&... each) { (each.start_over(), ...); }, folds_);
    condition_.after = 0;
    condition_.seen.clear();
  }
  // Folds what is stored at or below a position, and takes up nothing that is kept.
  template <typename S>
  void fold_until(S& storage, position until) {
    read_on(storage, 0, until);
    condition_.after = until;
  }
  // Folds on to the last event of the command itself.
  template <typename S>
  void fold_on(S& storage, position last) {
    if (!condition_.query.is_none()) read_on(storage, condition_.after, last);
  }
  // Folds anew, up to a position.
  template <typename S>
  void fold_anew(S& storage, position last) {
    start_over();
    if (!condition_.query.is_none()) read_on(storage, 0, last);
  }
  // Keeps what is folded now for the next command, where the store or the state has a place for it.
  template <typename S>
  void keep(S& storage) {
    std::apply([&](auto&... each) { (each.keep(storage), ...); }, folds_);
  }
  void apply(const recorded<Data>& record) {
    std::apply([&](auto&... each) { (each.apply(record), ...); }, folds_);
  }
  // Returns the first stream that is not at the version that at_version named.
  [[nodiscard]] std::optional<conflict> mismatch() const {
    std::optional<conflict> found;
    std::apply([&](const auto&... each) { static_cast<void>(((found = each.mismatch()) || ...)); }, folds_);
    return found;
  }
  // Returns the version of a stream, if one of the boundaries is the whole stream.
  [[nodiscard]] std::optional<version> version_of(std::string_view stream) const {
    std::optional<version> seen;
    std::apply([&](const auto&... each) { (each.tell_version(stream, seen), ...); }, folds_);
    return seen;
  }
  [[nodiscard]] auto states() const {
    return std::apply([](const auto&... each) { return std::tuple<decltype(each.states())...>(each.states()...); },
                      folds_);
  }
  // Throws bad_input for a record outside of every boundary, from whose type a state is folded.
  void check_inside(const std::vector<basic_event<Data>>& records) const {
    for (const auto& record : records) {
      if (kit::matches(condition_.query, record)) continue;
      if (std::apply([&](const auto&... each) { return (each.folds(record.type) || ...); }, folds_))
        refuse_outside(record);
    }
  }
  [[nodiscard]] const append_condition& condition() const { return condition_; }
  [[nodiscard]] const auto& folds() const { return folds_; }
  [[nodiscard]] std::string_view only_stream() const { return only_stream_of(condition_.query); }

 private:
  // Folds the events in (after, until]. The condition names the last event that the store had then: where it is stored
  // still, all that is folded is of the history of the store.
  template <typename S>
  void read_on(S& storage, position after, position until = read_options{}.until) {
    auto read = storage.read(condition_.query, read_options{.after = after, .until = until, .with_last_event = true},
                             [&](const recorded<Data>& record) { apply(record); });
    if (!read.complete)
      raise({.code = error_code::storage_error, .message = "the store ended a read early", .operation = "read"});
    condition_.after = read.last_event ? read.last_event->position : read.head;
    if (condition_.after != 0 && read.last_event) condition_.seen.push_back(*std::move(read.last_event));
  }

  Dependencies on_;
  decltype(make_folds(std::declval<const Dependencies&>(), true)) folds_;
  append_condition condition_{};
};

inline const append_condition no_condition{};

// The states of a command that depends on nothing.
template <typename Data>
class folding<void, Data> {
 public:
  template <typename S>
  void catch_up(S&) {}
  template <typename S>
  void keep(S&) {}
  void start_over() {}
  void apply(const recorded<Data>&) {}
  void check_inside(const std::vector<basic_event<Data>>&) const {}
  [[nodiscard]] std::optional<conflict> mismatch() const { return std::nullopt; }
  [[nodiscard]] std::optional<version> version_of(std::string_view) const { return std::nullopt; }
  [[nodiscard]] std::tuple<> states() const { return {}; }
  [[nodiscard]] const append_condition& condition() const { return no_condition; }
  [[nodiscard]] std::string_view only_stream() const { return {}; }
};

// Returns the folding of a command: made from its depends_on(options...), or the empty one.
template <typename Data, typename C, typename... Option>
auto make_folding(const C& command, const Option&... options) {
  using options_list = list<Option...>;
  if constexpr (rules::chosen<rules::depends_on_rule, C, list<>, options_list>.callable())
    return folding<std::remove_cvref_t<rules::rule_result<rules::depends_on_rule, C, list<>, options_list>>, Data>(
        refusing_as<rules::depends_on_rule>(
            [&] { return rules::call_rule<rules::depends_on_rule>(command, std::tuple<>{}, options...); }));
  else
    return folding<void, Data>();
}

}  // namespace must::detail::pipeline

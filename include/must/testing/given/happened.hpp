// SPDX-License-Identifier: MIT
// What has happened before a command that is tested, as much of a store as process_command asks for.
#pragma once

#include "must/fwd.hpp"
#include "must/limits.hpp"
#include "must/origin.hpp"
#include "must/process_command/fold.hpp"
#include "must/process_command/make_event.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/storage/kit/judge.hpp"
#include "must/storage/kit/matching.hpp"
#include "must/storage/kit/validate.hpp"
#include "must/stream_version.hpp"
#include "must/testing/fixed_origin.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace must::testing::detail {

// The events that have happened. A command is processed with it as with a store, and the same is refused.
template <typename Data>
class happened {
 public:
  using data_type = Data;
  using event = basic_event<Data>;

  happened() = default;
  happened(const happened&) = delete;
  happened& operator=(const happened&) = delete;

  // Adds an event of before the command. Throws bad_input for one that no store takes.
  template <typename Event>
  void add(const Event& one) {
    auto made = must::detail::pipeline::make_event<Data>(one, {origin_, clock_.now()});
    made.id = ids_.next(clock_.now());
    kit::check_event(made, limits{});
    record(std::move(made));
  }

  [[nodiscard]] const must::origin& origin() const noexcept { return origin_; }

  [[nodiscard]] must::version version(std::string_view stream) const {
    must::version last = 0;
    for (const auto& one : log_)
      if (one.subject == stream) last = one.version;
    return last;
  }

  [[nodiscard]] std::optional<recorded<Data>> find(std::string_view source, std::string_view id) const {
    for (const auto& one : log_)
      if (one.source == source && one.id == id) return one;
    return std::nullopt;
  }

  // Visits events. Those without a stream join the one stream of the query before, since it is that of the command.
  template <typename Visitor>
  read_result read(const query& which, const read_options& options, Visitor&& visit) {
    kit::check_read(which, options);
    join(must::detail::pipeline::only_stream_of(which));
    for (const auto& one : log_)
      if (one.position > options.after && one.position <= options.until && kit::matches(which, one)) visit(one);
    read_result done{.head = log_.size(), .scanned = log_.size(), .complete = true};
    if (!log_.empty()) done.last_event = seen_event{log_.back().position, log_.back().source, log_.back().id};
    return done;
  }

  append_result append(std::span<event> events, const append_condition& condition) {
    kit::check_append(std::span<const event>(events), condition);
    for (const auto& expected : condition.streams)
      if (const auto actual = version(expected.stream); !expected.holds_at(actual))
        return kit::stream_conflict(expected, actual);
    const position first = log_.size() + 1;
    for (auto& one : events) record(std::move(one));
    return appended{first, log_.size()};
  }

 private:
  void record(event&& one) {
    recorded<Data> made{std::move(one)};
    made.position = log_.size() + 1;
    made.recorded_at = clock_.now();
    log_.push_back(std::move(made));
    number(log_.size() - 1);
  }
  void join(std::string_view stream) {
    if (stream.empty()) return;
    for (std::size_t i = 0; i < log_.size(); ++i) {
      if (log_[i].subject.empty()) log_[i].subject = stream;
      number(i);
    }
  }
  void number(std::size_t at) {
    if (log_[at].subject.empty()) return;
    log_[at].version = 1;
    for (std::size_t i = 0; i < at; ++i)
      if (log_[i].subject == log_[at].subject) ++log_[at].version;
  }

  fixed_clock clock_{};
  counting_ids ids_{};
  must::origin origin_{.clock = &clock_, .ids = &ids_};
  std::vector<recorded<Data>> log_{};
};

}  // namespace must::testing::detail

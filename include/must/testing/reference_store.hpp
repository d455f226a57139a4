// SPDX-License-Identifier: MIT
// reference_store: a vector under a lock; slow, and so simple that it is plainly right.
#pragma once

#include "must/matching.hpp"
#include "must/storage.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace must::testing {

/// What a store has to do, said as simply as it can be: the model that the storage suite compares others with.
///
/// A Storage, CellStorage and BatchStorage. Looks at every event each time and copies what it reads.
template <typename Data = payload>
class reference_store {
 public:
  using data_type = Data;
  using event = basic_event<Data>;
  using record = recorded<Data>;

  explicit reference_store(must::origin origin = {}, must::limits limits = {})
      : origin_(std::move(origin)), limits_(limits) {}

  /// \see Storage. \throws bad_input, duplicate_id, position_ahead
  append_result append(std::span<event> events, const append_condition& condition) {
    const std::lock_guard lock(mutex_);
    return append_alone(events, condition);
  }

  /// \see BatchStorage
  std::vector<result<append_result>> append_batch(std::span<batch_item<Data>> items) {
    const std::lock_guard lock(mutex_);
    std::vector<result<append_result>> done;
    for (const auto& item : items) {
      try {
        done.push_back(append_alone(item.events, item.condition));
      } catch (const exception& why) {
        done.push_back(unexpected<error>(why.error()));
      }
    }
    return done;
  }

  /// \see Storage. Copies what it visits before the first visit. \throws bad_input
  template <typename Visitor>
  read_result read(const query& which, const read_options& options, Visitor&& visitor) {
    check_read(which, options);
    const bool forwards = options.order == direction::forwards;
    const auto [head, found] = select(which, options);
    const auto end = std::min(options.until, head);
    read_result done{head, forwards ? options.after : end, false};
    if (options.limit == 0) return done;
    std::int64_t visited = 0;
    for (const record& one : found) {
      done.scanned = one.position;
      bool go_on = true;
      if constexpr (std::is_void_v<decltype(visitor(one))>)
        visitor(one);
      else
        go_on = static_cast<bool>(visitor(one));
      if (!go_on || ++visited == options.limit) return done;
    }
    return {head, forwards ? end : options.after, true};
  }

  [[nodiscard]] position head() const {
    const std::lock_guard lock(mutex_);
    return log_.size();
  }
  [[nodiscard]] must::version version(std::string_view stream) const {
    const std::lock_guard lock(mutex_);
    return version_of(stream);
  }
  [[nodiscard]] std::optional<record> find(std::string_view source, std::string_view id) const {
    const std::lock_guard lock(mutex_);
    const auto at = position_of(source, id);
    if (at == 0) return std::nullopt;
    return log_[at - 1];
  }
  [[nodiscard]] const must::origin& origin() const noexcept { return origin_; }
  [[nodiscard]] const must::limits& limits() const noexcept { return limits_; }

  /// \see CellStorage. \throws bad_input
  [[nodiscard]] std::optional<cell> get(std::string_view key) const {
    check_key(key);
    const std::lock_guard lock(mutex_);
    const auto found = cells_.find(key);
    return found == cells_.end() ? std::nullopt : std::optional(found->second);
  }
  bool put(std::string_view key, std::string_view bytes, std::uint64_t expected_revision) {
    check_key(key);
    const std::lock_guard lock(mutex_);
    const auto found = cells_.find(key);
    const std::uint64_t revision = found == cells_.end() ? 0 : found->second.revision;
    if (revision != expected_revision) return false;
    cells_.insert_or_assign(std::string(key), cell{std::string(bytes), revision + 1});
    return true;
  }
  [[nodiscard]] std::vector<std::string> list(std::string_view prefix) const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> keys;
    for (const auto& [key, kept] : cells_)
      if (std::string_view(key).starts_with(prefix)) keys.push_back(key);
    return keys;
  }

 private:
  static void check_key(std::string_view key) { must::detail::check_name("key", key); }

  // From here on under the lock.
  append_result append_alone(std::span<const event> events, const append_condition& condition) {
    check_append(events, condition, limits_);
    if (const auto repeat = find_repeat(events)) return *repeat;
    if (condition.after > log_.size())
      raise({.code = error_code::position_ahead,
             .message = "position " + std::to_string(condition.after) + " is beyond the head",
             .field = "after",
             .expected = condition.after,
             .actual = log_.size()});
    if (const auto why = find_conflict(condition)) return *why;
    return store(events);
  }

  [[nodiscard]] must::version version_of(std::string_view stream) const {
    for (auto at = log_.rbegin(); at != log_.rend(); ++at)
      if (at->subject == stream) return at->version;
    return 0;
  }
  [[nodiscard]] position position_of(std::string_view source, std::string_view id) const {
    const auto found = ids_.find(std::tuple(source, id));
    return found == ids_.end() ? 0 : found->second;
  }

  // All ids are those of one whole earlier append, in its order, with its content: its positions. None is known:
  // nothing. Everything else throws.
  [[nodiscard]] std::optional<appended> find_repeat(std::span<const event> events) const {
    std::set<std::tuple<std::string_view, std::string_view>> seen;
    std::size_t known = 0;
    for (const auto& one : events) {
      if (!seen.insert({one.source, one.id}).second) refuse_id(one, "stands twice in one append");
      known += position_of(one.source, one.id) != 0;
    }
    if (known == 0) return std::nullopt;
    const auto first = position_of(events[0].source, events[0].id);
    const auto earlier = first == 0 ? appended{} : commits_[first - 1];
    if (earlier.first != first || earlier.last != first + events.size() - 1)
      refuse_id(events[0], "is not stored as the first of such an append");
    for (std::size_t i = 0; i < events.size(); ++i) {
      const auto& kept = log_[first - 1 + i];
      if (kept.id != events[i].id || kept.source != events[i].source || !same_content<Data>(kept, events[i]))
        refuse_id(events[i], "is stored otherwise");
    }
    return earlier;
  }
  [[noreturn]] static void refuse_id(const event& one, const char* why) {
    raise({.code = error_code::duplicate_id,
           .message = "event id \"" + one.id + "\" " + why,
           .field = "id",
           .event_id = one.id});
  }

  [[nodiscard]] std::optional<conflict> find_conflict(const append_condition& condition) const {
    for (const auto& stream : condition.streams) {
      const auto actual = version_of(stream.stream);
      if (stream.holds_at(actual)) continue;
      conflict made{.failed = conflict::part::stream, .stream = stream.stream, .actual = actual};
      if (stream.expected != stream_expectation::kind::exists) made.expected = stream.at;
      return made;
    }
    for (auto at = log_.size(); at > condition.after; --at)
      if (matches<Data>(condition.query, log_[at - 1]))
        return conflict{.failed = conflict::part::query, .actual = at, .after = condition.after};
    return std::nullopt;
  }

  appended store(std::span<const event> events) {
    const appended made{log_.size() + 1, log_.size() + events.size()};
    auto now = origin_.clock->now();
    if (!log_.empty()) now = std::max(now, log_.back().recorded_at);
    for (const auto& one : events) {
      const auto at = one.subject.empty() ? 0 : version_of(one.subject) + 1;
      log_.push_back(record{one, log_.size() + 1, at, now});
      commits_.push_back(made);
      ids_.emplace(std::tuple(one.source, one.id), log_.size());
    }
    return made;
  }

  [[nodiscard]] std::pair<position, std::vector<record>> select(const query& which, const read_options& options) const {
    const std::lock_guard lock(mutex_);
    std::vector<record> found;
    const auto wanted = [&](const record& one) {
      const bool in_window = one.version > options.after_version && one.version <= options.until_version;
      return (one.subject.empty() || in_window) && matches<Data>(which, one);
    };
    const auto full = [&] { return options.limit && found.size() >= static_cast<std::uint64_t>(*options.limit); };
    const auto end = std::min<position>(options.until, log_.size());
    if (options.order == direction::forwards) {
      for (auto at = options.after; at < end && !full(); ++at)
        if (wanted(log_[at])) found.push_back(log_[at]);
    } else {
      for (auto at = end; at > options.after && !full(); --at)
        if (wanted(log_[at - 1])) found.push_back(log_[at - 1]);
    }
    return {log_.size(), std::move(found)};
  }

  must::origin origin_;
  must::limits limits_;
  mutable std::mutex mutex_{};
  std::vector<record> log_{};
  std::vector<appended> commits_{};  // of the event at each position
  std::map<std::tuple<std::string, std::string>, position, std::less<>> ids_{};
  std::map<std::string, cell, std::less<>> cells_{};
};

}  // namespace must::testing

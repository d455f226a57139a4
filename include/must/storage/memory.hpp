// SPDX-License-Identifier: MIT
// memory_store: every promise of a Storage in one process, for tests, tools and caches.
#pragma once

#include "must/codec.hpp"
#include "must/detail/index_cursor.hpp"
#include "must/detail/memory_cells.hpp"
#include "must/detail/segmented.hpp"
#include "must/event.hpp"
#include "must/matching.hpp"
#include "must/storage.hpp"
#include "must/storage/event_index.hpp"
#include "must/storage/waitable.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <new>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace must {

namespace detail {

template <typename... Event>
struct memory_data {
  static_assert(names_are_told_apart(events<Event...>{}),
                "must: two events of a memory_store share a name, and neither is a previous version of the other");
  static_assert((std::is_copy_constructible_v<Event> && ...), "must: the events of a memory_store are copyable");
  using type = std::variant<Event...>;
};
template <>
struct memory_data<> {
  using type = payload;
};

// The log of a memory store: append-only, read without waiting.
template <typename Data>
class memory_log {
 public:
  using event = basic_event<Data>;
  using record = recorded<Data>;

  [[nodiscard]] position head() const noexcept { return published_.load(std::memory_order_acquire); }
  [[nodiscard]] const record& at(position which) const noexcept { return records_[which - 1].event; }
  [[nodiscard]] const event_index& index() const noexcept { return index_; }

  [[nodiscard]] position find(std::string_view source, std::string_view id) const {
    return ids_.find(hash(source, id), [&](position which) {
      const auto& known = at(which);
      return known.id == id && known.source == source;
    });
  }

  // For the writer, which holds the lock: everything below.
  [[nodiscard]] position size() const noexcept { return records_.size(); }
  void publish() noexcept { published_.store(records_.size(), std::memory_order_release); }

  append_result append(std::span<event> events, const append_condition& condition, clock& clock) {
    if (const auto repeat = find_repeat(events)) return *repeat;
    if (condition.after > size())
      raise({.code = error_code::position_ahead,
             .message = "the append condition names position " + std::to_string(condition.after) +
                        ", and the store ends at " + std::to_string(size()),
             .field = "after",
             .expected = condition.after,
             .actual = size()});
    for (const auto& expectation : condition.streams) {
      const auto actual = index_.version_of(expectation.stream, size());
      if (!expectation.holds_at(actual)) return stream_conflict(expectation, actual);
    }
    if (!condition.query.is_none())
      if (const auto found = index_.last_match(condition.query, condition.after))
        return conflict{.failed = conflict::part::query, .actual = found, .after = condition.after};
    return store(events, clock);
  }

 private:
  struct stored {
    record event;
    std::uint32_t index_in_append, size_of_append;
  };
  static constexpr bool moves = std::is_nothrow_move_constructible_v<Data>;

  static std::uint64_t hash(std::string_view source, std::string_view id) {
    return std::hash<std::string_view>{}(id) ^ (std::hash<std::string_view>{}(source) * 0x9E3779B97F4A7C15U);
  }
  static conflict stream_conflict(const stream_expectation& expectation, must::version actual) {
    conflict made{.failed = conflict::part::stream, .stream = expectation.stream, .actual = actual};
    if (expectation.expected != stream_expectation::kind::exists) made.expected = expectation.at;
    return made;
  }
  [[noreturn]] static void refuse_id(const event& of, const char* why) {
    raise({.code = error_code::duplicate_id,
           .message = "event id \"" + of.id + "\" of source \"" + of.source + "\" " + why,
           .field = "id",
           .event_id = of.id,
           .type = of.type});
  }

  // The result of the same append before, if this repeats one. Throws duplicate_id for any other known id.
  [[nodiscard]] std::optional<appended> find_repeat(std::span<const event> events) const {
    if (events.size() > 1) check_distinct(events);
    const auto first = find(events[0].source, events[0].id);
    for (std::size_t i = 1; i < events.size(); ++i) {
      const auto found = find(events[i].source, events[i].id);
      if ((found == 0) != (first == 0)) refuse_id(found == 0 ? events[0] : events[i], "is stored already, in another append");
      if (found != 0 && found != first + i) refuse_id(events[i], "is stored already, in another append");
    }
    if (first == 0) return std::nullopt;
    const auto& known = records_[first - 1];
    if (known.index_in_append != 0 || known.size_of_append != events.size())
      refuse_id(events[0], "is stored already, in another append");
    for (std::size_t i = 0; i < events.size(); ++i)
      if (!same_content<Data>(at(first + i), events[i])) refuse_id(events[i], "is stored already, with other content");
    return appended{first, first + events.size() - 1};
  }
  static void check_distinct(std::span<const event> events) {
    std::vector<const event*> sorted;
    sorted.reserve(events.size());
    for (const auto& one : events) sorted.push_back(&one);
    std::sort(sorted.begin(), sorted.end(), [](const event* left, const event* right) {
      return left->id != right->id ? left->id < right->id : left->source < right->source;
    });
    for (std::size_t i = 1; i < sorted.size(); ++i)
      if (sorted[i - 1]->id == sorted[i]->id && sorted[i - 1]->source == sorted[i]->source)
        refuse_id(*sorted[i], "stands twice in one append");
  }

  // What may throw comes first, so that the events are all stored or left as they were.
  appended store(std::span<event> events, clock& clock) {
    const auto before = records_.size();
    std::vector<index_row> rows;
    auto now = clock.now();
    if (before > 0) now = std::max(now, at(before).recorded_at);
    try {
      rows.reserve(events.size());
      ids_.reserve(events.size());
      records_.reserve(before + events.size());
      for (const auto& one : events) rows.push_back(index_.prepare(one.type, one.subject, one.tags));
      if constexpr (!moves)
        for (const auto& one : events) add(event(one), before, events.size(), now);
    } catch (...) {
      for (const auto& row : rows) index_.forget(row);
      while (records_.size() > before) records_.pop_back();
      throw;
    }
    if constexpr (moves)
      for (auto& one : events) add(std::move(one), before, events.size(), now);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      auto& made = records_[before + i].event;
      made.version = index_.commit(rows[i], made.position);
      ids_.insert(hash(made.source, made.id), made.position);
    }
    return {before + 1, records_.size()};
  }
  void add(event&& one, std::size_t before, std::size_t count, const timestamp& now) {
    const auto i = records_.size() - before;
    records_.emplace_back(record{std::move(one), records_.size() + 1, 0, now}, static_cast<std::uint32_t>(i),
                          static_cast<std::uint32_t>(count));
  }

  segmented<stored> records_{};
  event_index index_{};
  hash_index ids_{};
  std::atomic<position> published_{0};
};

}  // namespace detail

/// Keeps events in memory: memory_store<E...> the structs E... as they are, memory_store<> CloudEvents of any type.
///
/// A Storage, CellStorage, BatchStorage and WaitableStorage. Appends take turns; readers never wait, and see a batch
/// whole or not at all. Records never move: a read hands out references into the log, good as long as the store.
/// An append costs what it stores and what its condition matches, a read what it matches; neither what is stored.
template <typename... E>
class memory_store {
 public:
  using data_type = typename detail::memory_data<E...>::type;
  using event = basic_event<data_type>;

  explicit memory_store(must::origin origin = {}, must::limits limits = {})
      : origin_(std::move(origin)), limits_(limits) {
    detail::check_name("source", origin_.source);
  }

  /// \see Storage. An event that throws when it is moved is copied. Linear in the events, and in what the condition
  /// matches. \throws bad_input, duplicate_id, position_ahead
  append_result append(std::span<event> events, const append_condition& condition) {
    detail::check_append(std::span<const event>(events), condition, limits_);
    std::unique_lock lock(mutex_);
    auto done = log_.append(events, condition, *origin_.clock);
    if (done) publish(lock);
    return done;
  }

  /// \see BatchStorage. A reader sees the whole batch or nothing of it.
  std::vector<result<append_result>> append_batch(std::span<batch_item<data_type>> items) {
    std::vector<result<append_result>> done;
    done.reserve(items.size());
    std::unique_lock lock(mutex_);
    for (const auto& item : items) done.push_back(append_item(item));
    publish(lock);
    return done;
  }

  /// \see Storage. Wait-free once it has begun; the visitor is called under no lock. \throws bad_input
  template <typename Visitor>
  read_result read(const query& which, const read_options& options, Visitor&& visitor) {
    detail::check_read(which, options);
    const auto head = log_.head();
    const auto end = std::min(options.until, head);
    const bool forwards = options.order == direction::forwards;
    read_result done{head, forwards ? options.after : end, false};
    if (options.limit && *options.limit == 0) return done;
    auto left = options.limit.value_or(0);
    const auto visit = [&](position at) {
      const auto& record = log_.at(at);
      done.scanned = at;
      bool go_on = true;
      if constexpr (std::is_void_v<decltype(visitor(record))>)
        visitor(record);
      else
        go_on = static_cast<bool>(visitor(record));
      return go_on && (!options.limit || --left > 0);
    };
    done.complete = which.is_all() ? for_all(options.after, end, forwards, visit)
                                   : detail::for_matches(log_.index(), which, options, end, visit);
    if (done.complete) done.scanned = forwards ? end : options.after;
    return done;
  }

  [[nodiscard]] position head() const noexcept { return log_.head(); }
  [[nodiscard]] must::version version(std::string_view stream) const {
    detail::check_name("stream", stream);
    const auto head = log_.head();
    return log_.index().version_of(stream, head);
  }
  [[nodiscard]] std::optional<recorded<data_type>> find(std::string_view source, std::string_view id) const {
    const auto head = log_.head();
    const auto at = log_.find(source, id);
    if (at == 0 || at > head) return std::nullopt;
    return log_.at(at);
  }
  [[nodiscard]] const must::origin& origin() const noexcept { return origin_; }
  [[nodiscard]] const must::limits& limits() const noexcept { return limits_; }

  /// \see CellStorage
  [[nodiscard]] std::optional<cell> get(std::string_view key) const { return cells_.get(key); }
  bool put(std::string_view key, std::string_view bytes, std::uint64_t expected_revision) {
    return cells_.put(key, bytes, expected_revision);
  }
  [[nodiscard]] std::vector<std::string> list(std::string_view prefix) const { return cells_.list(prefix); }

  /// \see WaitableStorage
  bool wait_for(position until, duration timeout, std::stop_token stop = {}) {
    if (log_.head() >= until) return true;
    std::unique_lock lock(mutex_);
    ++waiting_;
    const bool there = changed_.wait_for(lock, stop, std::chrono::microseconds(timeout.microseconds),
                                         [&] { return log_.head() >= until; });
    --waiting_;
    return there;
  }

 private:
  void publish(std::unique_lock<std::mutex>& lock) {
    log_.publish();
    const bool wake = waiting_ > 0;
    lock.unlock();
    if (wake) changed_.notify_all();
  }
  result<append_result> append_item(const batch_item<data_type>& item) {
    try {
      detail::check_append(std::span<const event>(item.events), item.condition, limits_);
      return log_.append(item.events, item.condition, *origin_.clock);
    } catch (const exception& why) {
      return unexpected<error>(why.error());
    } catch (const std::exception& why) {
      return unexpected<error>(error{.code = error_code::storage_error, .message = why.what(), .operation = "append"});
    } catch (...) {
      return unexpected<error>(error{.code = error_code::storage_error, .message = "an event threw while it was stored", .operation = "append"});
    }
  }
  template <typename Visit>
  static bool for_all(position after, position end, bool forwards, Visit&& visit) {
    for (position i = 0; after + i < end; ++i)
      if (!visit(forwards ? after + 1 + i : end - i)) return false;
    return true;
  }

  must::origin origin_;
  must::limits limits_;
  std::mutex mutex_{};  // of the writer
  detail::memory_log<data_type> log_{};
  detail::memory_cells cells_{};
  std::condition_variable_any changed_{};
  std::size_t waiting_ = 0;
};

}  // namespace must

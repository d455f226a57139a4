// SPDX-License-Identifier: MIT
// The log of a memory store: what an append checks, and how it is stored whole or not at all.
#pragma once

#include "must/detail/arena.hpp"
#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/storage/index/event_index.hpp"
#include "must/storage/index/index_cursor.hpp"
#include "must/storage/index/segmented.hpp"
#include "must/storage/kit/identity.hpp"
#include "must/storage/kit/judge.hpp"
#include "must/storage/kit/matching.hpp"
#include "must/timestamp.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

namespace must::detail::memory {

// A log whose records never move. One writer at a time appends and publishes. Readers take the head once and never
// wait.
template <typename Data>
class memory_log {
 public:
  using event = basic_event<Data>;
  using record = recorded<Data>;

  [[nodiscard]] position head() const noexcept { return head_.load(std::memory_order_acquire); }
  [[nodiscard]] const record& at(position which) const noexcept { return records_[which - 1]; }
  [[nodiscard]] version version_of(std::string_view stream) const {
    const auto seen = head();
    return index_.version_of(stream, seen);
  }
  // Returns the position of an event, and 0 when there is none.
  [[nodiscard]] position find(std::string_view source, std::string_view id) const {
    const auto seen = head();
    return index_.find(source, id, seen, [&](position which) { return is(at(which), source, id); });
  }

  // Calls `visit(record)` for the matches in (options.after, end] until it returns false. Returns whether it never did.
  template <typename Visit>
  bool for_matches(const query& which, const read_options& options, position end, Visit&& visit) const {
    if (options.after >= end) return true;
    if (which.is_all()) {
      const bool forwards = options.order == direction::forwards;
      const auto count = end - options.after;
      const auto position_of = [&](position i) { return forwards ? options.after + 1 + i : end - i; };
      constexpr position ahead = 8;
      for (position i = 0; i < count; ++i) {
        if (i + ahead < count) __builtin_prefetch(&at(position_of(i + ahead)).data);
        if (!visit(at(position_of(i)))) return false;
      }
      return true;
    }
    // Fetches a page ahead of the visitor, so that memory answers for many records at once.
    std::array<position, 16> page{};
    const auto most = static_cast<std::uint64_t>(options.limit.value_or(static_cast<std::int64_t>(page.size())));
    index::index_cursor cursor(index_, which, options, end);
    for (bool more = true; more;) {
      std::size_t count = 0;
      while (count < page.size() && count < most && (page[count] = cursor.next()) != 0) fetch(page[count++]);
      more = count == page.size() || count == most;
      for (std::size_t i = 0; i < count; ++i)
        if (!visit(at(page[i]))) return false;
    }
    return true;
  }

  // Begins to fetch what an append will need, before the lock and before the events are known to be good.
  [[nodiscard]] index::event_index::plan make_plan(std::span<const event> events) const {
    return index_.make_plan(events);
  }

  // This member and those that follow are for the writer. Readers see what is appended when it is published.
  void publish() noexcept { head_.store(records_.size(), std::memory_order_release); }

  append_result append(std::span<event> events, const index::event_index::plan& made, const append_condition& condition,
                       clock& clock) {
    const index::event_index::hashes plan(made.begin(), made.end());
    index_.fetch(made, events.front().tags.size());
    facts stored{*this, events, made, plan};
    if (const auto answer = kit::judge(stored, std::span<const event>(events), condition)) return *answer;
    return store(events, plan, clock);
  }

 private:
  static bool is(const event& known, std::string_view source, std::string_view id) {
    return known.id == id && known.source == source;
  }
  void fetch(position which) const noexcept {
    const auto& one = at(which);  // Most visitors look at the data and the position.
    __builtin_prefetch(&one.data);
    __builtin_prefetch(&one.position);
  }
  // These members answer judge().
  struct facts {
    // judge() asks for the head after the ids and before the condition, when what fetch() has begun is there.
    [[nodiscard]] position head() const noexcept {
      log.index_.fetch_lists(made, events.front().tags.size());
      return log.records_.size();
    }
    [[nodiscard]] kit::known_event known(std::size_t i) {
      const auto& one = events[i];
      if (i == 0) rest = plan;
      const auto identity = index::event_index::take(rest, one.tags.size()).front();
      const auto found = log.index_.find(identity, [&](position at) { return is(log.at(at), one.source, one.id); });
      if (found == 0) return {};
      const auto& row = log.index_.row(found);
      return {found, row.offset, row.append_size};
    }
    [[nodiscard]] bool same_content(std::size_t i, position at) const {
      return kit::same_content<Data>(log.at(at), events[i]);
    }
    [[nodiscard]] bool has(const seen_event& seen) const {
      return seen.position <= log.records_.size() && is(log.at(seen.position), seen.source, seen.id);
    }
    [[nodiscard]] must::version version(std::string_view stream) const { return log.index_.version_of(stream); }
    [[nodiscard]] position last_match(const query& which, position after) const {
      return log.index_.last_match(which, after);
    }
    const memory_log& log;
    std::span<const event> events;
    const index::event_index::plan& made;
    index::event_index::hashes plan, rest{};
  };

  // What may throw comes first, so that events are moved from only when nothing can hinder their append any more. Those
  // that may throw when they are moved are copied.
  appended store(std::span<event> events, index::event_index::hashes plan, clock& clock) {
    const auto before = records_.size();
    auto now = clock.now();
    if (before > 0 && now < at(before).recorded_at) now = at(before).recorded_at;
    try {
      records_.reserve(before + events.size());
      for (const auto& one : events)
        index_.stage(index::event_index::take(plan, one.tags.size()), one.type, one.subject, one.tags);
      if constexpr (!std::is_nothrow_move_constructible_v<event>)
        for (const auto& one : events) add(one, now);
    } catch (...) {
      while (records_.size() > before) records_.pop_back();
      index_.rollback();
      throw;
    }
    if constexpr (std::is_nothrow_move_constructible_v<event>)
      for (auto& one : events) add(std::move(one), now);
    index_.commit();
    records_.prefetch_next();
    return {before + 1, records_.size()};
  }
  template <typename Event>
  void add(Event&& one, const timestamp& now) {
    const auto which = records_.size() + 1;
    records_.emplace_back(std::forward<Event>(one), which, index_.row(which).version, now);
  }

  index::segmented<record> records_{};
  index::event_index index_{};
  alignas(cache_line) std::atomic<position> head_{0};
};

}  // namespace must::detail::memory

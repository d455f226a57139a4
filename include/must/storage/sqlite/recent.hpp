// SPDX-License-Identifier: MIT
// The tags of the newest events of a SQLite file, in memory until they are written into its index, many at once.
#pragma once

#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/record.hpp"
#include "must/storage/index/hash_index.hpp"
#include "must/storage/kit/row.hpp"
#include "must/storage/sqlite/connection.hpp"
#include "must/storage/sqlite/sql.hpp"
#include "must/storage/sqlite/statement.hpp"
#include "must/uuid.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace must::detail::sqlite {

inline bool is_one_of(std::span<const std::string> types, std::string_view type) {
  return std::find(types.begin(), types.end(), type) != types.end();
}

// Calls `use(tag, position, type)` for the tags of the events of (after, until], in order of position.
template <typename Use>
void for_tags(sqlite_connection& on, position after, position until, Use&& use) {
  sqlite_connection::lease rows(on, sql::tagged_rows);
  rows->bind(1, after + 1).bind(2, until);
  while (rows->step()) {
    try {
      for (kit::row_reader tags(rows->bytes(2)); !tags.done();) use(tags.text(), rows->count(0), rows->bytes(1));
    } catch (const codec_error&) {
      raise_damaged(on.context(), rows->count(0), "its row cannot be read");
    }
  }
}

// What is asked of the events of a tag: those of `types` in [low, high], or those of any type when `types` is empty.
struct sqlite_tag_search {
  std::string_view tag;
  std::span<const std::string> types;
  position low, high;
};

// Every table has another key, so that strangers, who may choose tags, cannot choose some that collide.
struct sqlite_tag_hash {
  using is_transparent = void;
  std::uint64_t seed = random_source::of_this_thread()();
  std::size_t operator()(std::string_view name) const noexcept { return index::hash_name(name, seed); }
};

// The events of each tag, in order of position.
class sqlite_tag_lists {
 public:
  void add(std::string_view tag, position at, std::string_view type) {
    auto list = lists_.find(tag);
    if (list == lists_.end()) list = lists_.emplace(tag, std::vector<entry>()).first;
    list->second.push_back({at, name_of(type)});
  }
  void find(const sqlite_tag_search& wanted, std::vector<position>& found) const {
    const auto list = lists_.find(wanted.tag);
    if (list == lists_.end()) return;
    const auto is_before = [](const entry& one, position at) { return one.at < at; };
    auto one = std::lower_bound(list->second.begin(), list->second.end(), wanted.low, is_before);
    for (; one != list->second.end() && one->at <= wanted.high; ++one)
      if (wanted.types.empty() || is_one_of(wanted.types, *one->type)) found.push_back(one->at);
  }
  void clear() noexcept {
    lists_.clear();
    types_.clear();
  }

 private:
  struct entry {
    position at;
    const std::string* type;
  };
  const std::string* name_of(std::string_view type) {
    const auto known = types_.find(type);
    return known != types_.end() ? &*known : &*types_.emplace(type).first;
  }
  std::unordered_map<std::string, std::vector<entry>, sqlite_tag_hash, std::equal_to<>> lists_{};
  std::unordered_set<std::string, sqlite_tag_hash, std::equal_to<>> types_{};
};

// The events that a transaction adds, until it is committed. They live as long as it.
class sqlite_staged {
 public:
  void add(const cloud_event& one, position at) { events_.push_back({&one, at}); }
  void find(const sqlite_tag_search& wanted, std::vector<position>& found) {
    for (; listed_ < events_.size(); ++listed_) add_to(lists_, events_[listed_]);
    lists_.find(wanted, found);
  }
  void add_all_to(sqlite_tag_lists& lists) const {
    for (const auto& one : events_) add_to(lists, one);
  }

 private:
  struct staged {
    const cloud_event* event;
    position at;
  };
  static void add_to(sqlite_tag_lists& lists, const staged& one) {
    for (const auto& tag : one.event->tags) lists.add(tag, one.at, one.event->type);
  }
  std::vector<staged> events_{};
  sqlite_tag_lists
      lists_{};  // These are the lists of the first `listed_` events, since most transactions ask for none.
  std::size_t listed_ = 0;
};

// The tags of committed events, for all threads that have the file open. It reads what it lacks.
class sqlite_recent {
 public:
  // What a transaction sees: the events up to the head. The index of tags has those up to `indexed`.
  struct view {
    position head = 0, indexed = 0;
    std::uint64_t incarnation = 0;
  };

  // Finds the events of a tag that are not in the index. `on` is in the transaction that has this view.
  void find(sqlite_connection& on, const view& seen, sqlite_tag_search wanted, std::vector<position>& found) {
    wanted.low = std::max(wanted.low, seen.indexed + 1);
    wanted.high = std::min(wanted.high, seen.head);
    if (wanted.low > wanted.high) return;
    if (!was_asked_.load(std::memory_order_relaxed)) was_asked_ = true;
    {
      const std::shared_lock lock(mutex_);
      if (covers(seen, wanted.high)) return lists_.find(wanted, found);
    }
    std::unique_lock lock(mutex_);
    if (seen.incarnation == incarnation_ && seen.indexed < from_) {
      lock.unlock();  // The view is older than the last write of the index, so what newer views see stays as it is.
      sqlite_tag_lists own;
      read(on, seen.indexed, wanted.high, own);
      return own.find(wanted, found);
    }
    if (!covers(seen, wanted.high)) catch_up(on, seen);
    lists_.find(wanted, found);
  }
  // Adds the events of a transaction that has committed, which came after those that `before` has seen. When nobody has
  // asked for a tag since the index was written, nothing is kept until somebody does.
  void committed(const view& before, const view& after, const sqlite_staged& staged) noexcept {
    const std::unique_lock lock(mutex_);
    if (incarnation_ != before.incarnation || until_ != before.head) return;
    if (after.indexed == after.head) {
      begin_at(after);
      if (!was_asked_.exchange(false)) incarnation_ = 0;
      return;
    }
    // Another process has written the index, so what it has need not be kept.
    if (from_ != before.indexed) return begin_at(before);
    try {
      staged.add_all_to(lists_);
      until_ = after.head;
    } catch (...) {  // There is no memory. The next that asks reads what is lacking.
      begin_at(after);
    }
  }

 private:
  [[nodiscard]] bool covers(const view& seen, position until) const noexcept {
    return incarnation_ == seen.incarnation && from_ <= seen.indexed && until <= until_;
  }
  void begin_at(const view& seen) noexcept {
    lists_.clear();
    incarnation_ = seen.incarnation;
    from_ = until_ = seen.indexed;
  }
  void catch_up(sqlite_connection& on, const view& seen) {
    if (incarnation_ != seen.incarnation || from_ != seen.indexed) begin_at(seen);
    try {
      read(on, until_, seen.head, lists_);
      until_ = seen.head;
    } catch (...) {
      begin_at(seen);
      throw;
    }
  }
  static void read(sqlite_connection& on, position after, position until, sqlite_tag_lists& to) {
    for_tags(on, after, until, [&](auto tag, auto at, auto type) { to.add(tag, at, type); });
  }

  std::atomic<bool> was_asked_{false};
  std::shared_mutex mutex_{};
  sqlite_tag_lists lists_{};  // The lists are those of the events of (from_, until_].
  // The incarnation of the store whose events these are. It is 0 as long as there are none.
  std::uint64_t incarnation_ = 0;
  position from_ = 0, until_ = 0;
};

// Refuses a file whose index is ahead of its events.
inline void check_indexed(const sqlite_context& of, const sqlite_recent::view& seen) {
  if (seen.indexed > seen.head) raise_damaged(of, seen.indexed, "its row is not there");
}

}  // namespace must::detail::sqlite

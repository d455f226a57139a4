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

// An event and its tags, as a row has them, until the next row.
struct sqlite_tagged_row {
  position at;
  std::string_view type, tags;
};

// Calls `use(row)` for the events of (after, until], in order of position, until it returns false.
template <typename Use>
void for_tagged_rows(sqlite_connection& on, position after, position until, Use&& use) {
  sqlite_connection::lease rows(on, sql::tagged_rows);
  rows->bind(1, after + 1).bind(2, until);
  while (rows->step())
    if (!use(sqlite_tagged_row{rows->count(0), rows->bytes(1), rows->bytes(2)})) return;
}
// Calls `use(tag)` for each tag of an event.
template <typename Use>
void for_tags(const sqlite_context& context, const sqlite_tagged_row& row, Use&& use) {
  try {
    for (kit::row_reader tags(row.tags); !tags.done();) use(tags.text());
  } catch (const codec_error&) {
    raise_damaged(context, row.at, "its row cannot be read");
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
    ++size_;
  }
  // Returns how many tags all events have.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
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
    size_ = 0;
  }
  void swap(sqlite_tag_lists& other) noexcept {
    lists_.swap(other.lists_);
    types_.swap(other.types_);
    std::swap(size_, other.size_);
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
  std::size_t size_ = 0;
};

// The events that a transaction adds, until it is committed. They live as long as it.
class sqlite_staged {
 public:
  // `bytes` are those of the tags in the row of the event.
  void add(const cloud_event& one, position at, std::size_t bytes) {
    events_.push_back({&one, at});
    size_ += 1 + one.tags.size();
    tag_bytes_ += bytes;
  }
  // Returns how many events and tags there are.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t tag_bytes() const noexcept { return tag_bytes_; }
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
  std::size_t size_ = 0, tag_bytes_ = 0;
  sqlite_tag_lists
      lists_{};  // These are the lists of the first `listed_` events, since most transactions ask for none.
  std::size_t listed_ = 0;
};

// The events of one tag, found by reading the rows of events, for who asks for more of the same.
class sqlite_scanned_tag {
 public:
  void find(sqlite_connection& on, std::uint64_t incarnation, const sqlite_tag_search& wanted,
            std::vector<position>& found) {
    const std::lock_guard lock(mutex_);
    const bool is_same = incarnation_ == incarnation && tag_ == wanted.tag &&
                         std::equal(types_.begin(), types_.end(), wanted.types.begin(), wanted.types.end());
    if (!is_same || wanted.low < low_ || until_ + 1 < wanted.low) begin(incarnation, wanted);
    for_tagged_rows(on, until_, wanted.high, [&](const sqlite_tagged_row& row) {
      bool is_wanted = false;
      for_tags(on.context(), row, [&](auto tag) { is_wanted = is_wanted || tag == tag_; });
      if (is_wanted && (types_.empty() || is_one_of(types_, row.type))) found_.push_back(row.at);
      until_ = row.at;
      return true;
    });
    const auto first = std::lower_bound(found_.begin(), found_.end(), wanted.low);
    found.insert(found.end(), first, std::upper_bound(first, found_.end(), wanted.high));
  }

 private:
  void begin(std::uint64_t incarnation, const sqlite_tag_search& wanted) {
    incarnation_ = 0;  // What follows may throw half way.
    tag_ = wanted.tag;
    types_.assign(wanted.types.begin(), wanted.types.end());
    found_.clear();
    low_ = wanted.low;
    until_ = wanted.low - 1;
    incarnation_ = incarnation;
  }
  std::mutex mutex_{};
  std::uint64_t incarnation_ = 0;
  std::string tag_{};
  std::vector<std::string> types_{};
  position low_ = 0, until_ = 0;  // All that was read of the rows.
  std::vector<position> found_{};
};

// The tags of committed events that are not in the index, for all threads that have the file open. It reads what it
// lacks. It keeps a bounded number of tags: where more wait, a search reads the rows of the events.
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
      if (covers(seen, wanted.high)) return find_kept(wanted, found);
    }
    if (std::unique_lock lock(mutex_); covers(seen, wanted.high) || catch_up(on, seen)) return find_kept(wanted, found);
    scanned_.find(on, seen.incarnation, wanted, found);
  }
  // Adds the events of a transaction that has committed, which came after those that `before` has seen. When nobody has
  // asked for a tag for a while, nothing is kept until somebody does.
  void committed(const view& before, const view& after, const sqlite_staged& staged) noexcept {
    const std::unique_lock lock(mutex_);
    if (incarnation_ != before.incarnation || until_ != before.head) return;
    try {
      staged.add_all_to(newer_);
      until_ = after.head;
    } catch (...) {  // There is no memory. The next that asks reads what is lacking.
      return forget();
    }
    if (!fits()) return forget();
    if (follow(after.indexed) && !was_asked_.exchange(false)) forget();
  }

 private:
  static constexpr std::size_t most_tags = 262'144;

  [[nodiscard]] bool covers(const view& seen, position until) const noexcept {
    return incarnation_ == seen.incarnation && from_ <= seen.indexed && until <= until_;
  }
  [[nodiscard]] bool fits() const noexcept { return older_.size() + newer_.size() <= most_tags; }
  void find_kept(const sqlite_tag_search& wanted, std::vector<position>& found) const {
    older_.find(wanted, found);
    newer_.find(wanted, found);
  }
  // Forgets what the index has by now, and returns whether there was something to forget.
  bool follow(position indexed) noexcept {
    if (indexed < middle_ || from_ == indexed) return false;
    forget_older();
    if (indexed == until_) forget_older();
    return true;
  }
  void forget_older() noexcept {
    older_.swap(newer_);
    newer_.clear();
    from_ = std::exchange(middle_, until_);
  }
  void forget() noexcept {
    older_.clear();
    newer_.clear();
    incarnation_ = 0;
  }
  // Reads what is lacking, and returns whether all that the view sees is kept then. A view that is older than what is
  // kept changes nothing, and neither does one of which more waits than is kept.
  bool catch_up(sqlite_connection& on, const view& seen) {
    if (seen.incarnation == incarnation_ && seen.indexed < from_) return false;
    if (seen.incarnation == overfull_.incarnation && seen.indexed == overfull_.indexed) return false;
    if (incarnation_ != seen.incarnation || until_ < seen.indexed) {
      forget();
      from_ = middle_ = until_ = seen.indexed;
    }
    follow(seen.indexed);
    incarnation_ = 0;  // What follows may throw half way.
    for_tagged_rows(on, until_, seen.head, [&](const sqlite_tagged_row& row) {
      for_tags(on.context(), row, [&](auto tag) { newer_.add(tag, row.at, row.type); });
      return fits();
    });
    if (!fits()) {
      overfull_ = seen;
      forget();
      return false;
    }
    incarnation_ = seen.incarnation;
    until_ = seen.head;
    return true;
  }

  std::atomic<bool> was_asked_{false};
  std::shared_mutex mutex_{};
  // The tags of the events of (from_, middle_] and of (middle_, until_]. The index grows in the first, and the first is
  // forgotten as a whole.
  sqlite_tag_lists older_{}, newer_{};
  position from_ = 0, middle_ = 0, until_ = 0;
  // The incarnation of the store whose events these are. It is 0 as long as there are none.
  std::uint64_t incarnation_ = 0;
  sqlite_scanned_tag scanned_{};
  view overfull_{};  // The last view of which more waits than is kept.
};

// Refuses a file whose index is ahead of its events.
inline void check_indexed(const sqlite_context& of, const sqlite_recent::view& seen) {
  if (seen.indexed > seen.head) raise_damaged(of, seen.indexed, "its row is not there");
}

}  // namespace must::detail::sqlite

// SPDX-License-Identifier: MIT
// Which events match and which are known: an index by identity, stream, type and tag, wherever the events are kept.
#pragma once

#include "must/detail/arena.hpp"
#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/storage/index/few_list.hpp"
#include "must/storage/index/hash_index.hpp"
#include "must/storage/index/index_row.hpp"
#include "must/storage/index/name_table.hpp"
#include "must/storage/index/postings.hpp"
#include "must/storage/index/segmented.hpp"
#include "must/uuid.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace must::detail::index {

// One writer at a time plans, stages, and commits or rolls back. Nobody sees what it stages. Readers never wait: they
// use positions up to a head that their store published after the commit. The cost of a query is that of what it
// matches.
class event_index {
 public:
  // The hashes of the names of an append, in order: of each event its identity, type, stream (0 for none) and tags.
  using plan = few_list<std::uint64_t, 16>;
  using hashes = std::span<const std::uint64_t>;

  // Hashes the names of `events`, whatever they are, and begins to fetch what is known of them. Any thread may call it.
  template <typename Event>
  [[nodiscard]] plan make_plan(std::span<const Event> events) const {
    plan made;
    for (const auto& event : events) {
      made.push_back(identity_hash(event.source, event.id));
      identities_.prefetch(*(made.end() - 1));
      made.push_back(hash(event.type));
      made.push_back(event.subject.empty() ? 0 : hash(event.subject));
      if (!event.subject.empty()) streams_.prefetch_slot(*(made.end() - 1));
      for (const auto& tag : event.tags) {
        made.push_back(hash(tag));
        tags_.prefetch_slot(*(made.end() - 1));
      }
    }
    return made;
  }
  // Fetches more for the first event, some time after the plan was made.
  void fetch(const plan& made, std::size_t tags) const {
    auto at = made.begin() + 2;
    if (*at != 0) streams_.prefetch_entry(*at);
    for (++at; tags > 0; --tags) tags_.prefetch_entry(*at++);
  }
  // Fetches the last of it, some time after fetch().
  void fetch_lists(const plan& made, std::size_t tags) const {
    auto at = made.begin() + 2;
    if (*at != 0) streams_.prefetch_list(*at);
    for (++at; tags > 0; --tags) tags_.prefetch_list(*at++);
  }
  // Takes the hashes of the first event of the rest of a plan away from it.
  static hashes take(hashes& rest, std::size_t tags) noexcept {
    const auto taken = rest.first(3 + tags);
    rest = rest.subspan(3 + tags);
    return taken;
  }

  // Returns the hash under which an identity is found.
  [[nodiscard]] std::uint64_t identity_hash(std::string_view source, std::string_view id) const noexcept {
    return hash_name(id, hash_name(source, seed_));
  }
  // Returns the position of an identity, 0 when it is new. `equal(position)` compares. The writer calls it.
  template <typename Equal>
  [[nodiscard]] position find(std::uint64_t identity, Equal&& equal) const {
    return 1 + identities_.find(identity, [&](std::uint64_t i) { return equal(i + 1); });
  }
  // Finds an identity for a reader. Positions above its head are passed over.
  template <typename Equal>
  [[nodiscard]] position find(std::string_view source, std::string_view id, position head, Equal&& equal) const {
    return find(identity_hash(source, id), [&](position at) { return at <= head && equal(at); });
  }

  // Stages one more event for the commit. It may throw std::bad_alloc. After that, and after whatever else hinders the
  // append, the writer rolls back.
  void stage(hashes names, std::string_view type, std::string_view stream, const tag_set& tags) {
    const auto at = staged() + 1;
    identities_.reserve(at, [&](std::uint64_t i) { return rows_[i].identity; });
    rows_.reserve(at);
    index_row row;
    row.identity = names[0];
    auto* const ids = row.room_for_tags(tags.size(), memory_);
    const auto add = [&](name_entry& entry) {
      touched_.push_back(&entry);
      entry.list.stage(at, memory_);
      return entry.number;
    };
    row.type = add(types_.find_or_add(names[1], type, memory_));
    if (!stream.empty()) {
      auto& entry = streams_.find_or_add(names[2], stream, memory_);
      entry.by_type.seen.add(row.type);
      row.stream = add(entry);
      row.version = must::version(entry.list.staged());
    }
    auto hash_of_tag = names.begin() + 3;
    auto* id = ids;
    for (const auto& tag : tags) {
      auto& entry = tags_.find_or_add(*hash_of_tag++, tag, memory_);
      entry.by_type.add(row.type, memory_);
      entry.by_type.seen.add(row.type);
      *id++ = add(entry);
    }
    rows_.emplace_back(row);
  }
  // Makes one append of the events that are staged.
  void commit() noexcept {
    const auto all = static_cast<std::uint32_t>(rows_.size() - committed_);
    commit({&all, 1});
  }
  // Makes appends of the events that are staged. `appends` has the number of events of each, in order.
  void commit(std::span<const std::uint32_t> appends) noexcept {
    auto next = touched_.begin();
    for (const auto append_size : appends)
      for (std::uint32_t offset = 0; offset < append_size; ++offset) {
        auto& row = rows_[committed_];
        row.offset = offset;
        row.append_size = append_size;
        identities_.insert(row.identity);
        ++committed_;
        for (auto lists = (row.stream == 0 ? 1U : 2U) + row.tag_count; lists > 0; --lists, ++next) {
          (*next)->last = committed_;
          (*next)->list.publish();
          (*next)->by_type.set(row.type, committed_);
        }
      }
    touched_.clear();
    rows_.prefetch_next();
  }
  void rollback() noexcept {
    for (auto* entry : touched_) entry->list.withdraw();
    touched_.clear();
    while (rows_.size() > committed_) rows_.pop_back();
  }

  // The writer calls these: the last position of what is staged, the version of a stream, and the last position above
  // `after` that matches, 0 when there is none.
  [[nodiscard]] position staged() const noexcept { return rows_.size(); }
  [[nodiscard]] version version_of(std::string_view stream) const {
    const auto* const known = streams_.find(hash(stream), stream);
    return must::version(known == nullptr ? 0 : known->list.size());
  }
  [[nodiscard]] position last_match(const query& which, position after) const {
    if (which.is_all()) return committed_ > after ? committed_ : 0;
    position found = 0;
    for (const auto& item : which.items()) found = std::max(found, last_match(item, std::max(after, found)));
    return found;
  }

  // Readers call the members that follow.
  [[nodiscard]] version version_of(std::string_view stream, position head) const {
    const auto* const known = streams_.find(hash(stream), stream);
    return must::version(known == nullptr ? 0 : known->list.count_until(head, known->list.size()));
  }
  [[nodiscard]] const index_row& row(position at) const noexcept { return rows_[at - 1]; }

  // Turns names into numbers. Returns false when the item names something that never came, and so matches nothing.
  [[nodiscard]] bool compile(const query_item& item, index_filter& made) const {
    for (const auto& tag : item.tags) {
      const auto* const known = tags_.find(hash(tag), tag);
      if (known == nullptr) return false;
      made.tags.push_back(known->number);
    }
    for (const auto& type : item.types)
      if (const auto* const known = types_.find(hash(type), type))
        if (!made.types.contains(known->number)) made.types.push_back(known->number);
    if (made.types.empty() && !item.types.empty()) return false;
    if (!item.stream) return true;
    const auto* const known = streams_.find(hash(*item.stream), *item.stream);
    if (known != nullptr) made.stream = known->number;
    return known != nullptr;
  }

  // Calls `use(entry)` for the names whose lists together hold every match of `filter`, and have the fewest entries in
  // (after, until]. `streams_only` says that the list is that of the stream, if there is one.
  template <typename Use>
  void for_drivers(const index_filter& filter, position after, position until, bool streams_only, Use&& use) const {
    constexpr std::size_t cheap_enough = 64;  // To look at other lists would cost as much.
    const name_entry* cheapest = nullptr;
    auto least = static_cast<std::size_t>(-1);
    const auto cost_of = [&](const name_entry& entry) {
      const auto last = entry.list.count_until(until, entry.list.size());
      return last - entry.list.count_until(after, last);
    };
    const auto consider = [&](const name_entry& entry) {
      if (const auto cost = cost_of(entry); cost < least) {
        cheapest = &entry;
        least = cost;
      }
    };
    if (filter.stream != 0) consider(streams_[filter.stream]);
    if (filter.stream != 0 && streams_only) return use(*cheapest);
    for (const auto tag : filter.tags)
      if (least > cheap_enough) consider(tags_[tag]);
    if (least > cheap_enough && !filter.types.empty()) {
      std::size_t cost = 0;
      for (const auto type : filter.types) cost += cost_of(types_[type]);
      if (cost < least) {
        for (const auto type : filter.types) use(types_[type]);
        return;
      }
    }
    use(*cheapest);
  }

 private:
  friend class index_image;
  [[nodiscard]] std::uint64_t hash(std::string_view name) const noexcept { return hash_name(name, seed_); }

  [[nodiscard]] position last_match(const query_item& item, position after) const {
    position newest = committed_;  // Nothing above this position matches.
    const auto ends_with = [&newest](const name_entry* entry) {
      newest = std::min(newest, entry == nullptr ? 0 : entry->last);
    };
    if (item.stream) ends_with(streams_.find(hash(*item.stream), *item.stream));
    for (const auto& tag : item.tags)
      if (newest > after) ends_with(tags_.find(hash(tag), tag));
    if (newest <= after) return 0;
    index_filter filter;
    if (!compile(item, filter)) return 0;
    if (!filter.types.empty()) {
      const auto newest_of = [&](auto&& last_of) {
        position last = 0;
        for (const auto type : filter.types) last = std::max(last, last_of(type));
        return last;
      };
      newest = std::min(newest, newest_of([&](std::uint32_t type) { return types_[type].last; }));
      for (const auto tag : filter.tags)
        newest = std::min(newest, newest_of([&](std::uint32_t type) { return tags_[tag].by_type[type]; }));
      if (newest <= after) return 0;
    }
    // A filter of one tag, of one stream without types, or of types alone matches the whole list.
    if (filter.tags.size() + (filter.stream == 0 ? 0U : 1U) <= 1 && (filter.stream == 0 || filter.types.empty()))
      return newest;
    position found = 0;
    for_drivers(filter, after, newest, false, [&](const name_entry& driver) {
      const auto& list = driver.list;
      auto left = list.count_until(newest, list.size());
      if (left == 0) return;
      for (postings::cursor at(list, left - 1); *at > std::max(after, found); at.backward()) {
        if (filter.matches(row(*at))) found = *at;
        if (--left == 0) return;
      }
    });
    return found;
  }

  std::uint64_t seed_ = random_source::of_this_thread()();
  arena memory_{};
  name_table streams_{};
  name_table types_{};
  name_table tags_{};
  hash_index identities_{};
  segmented<index_row> rows_{};
  std::size_t committed_ = 0;
  std::vector<name_entry*> touched_{};  // The entries that staged events have changed, in order.
};

}  // namespace must::detail::index

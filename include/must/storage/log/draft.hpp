// SPDX-License-Identifier: MIT
// A commit in the making: appends are judged in order, and each sees those before it.
#pragma once

#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/result.hpp"
#include "must/storage.hpp"
#include "must/storage/index/event_index.hpp"
#include "must/storage/kit/batch.hpp"
#include "must/storage/kit/identity.hpp"
#include "must/storage/kit/judge.hpp"
#include "must/storage/kit/matching.hpp"
#include "must/storage/log/catalog.hpp"
#include "must/storage/log/commit.hpp"
#include "must/storage/log/followed_log.hpp"
#include "must/timestamp.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace must::detail::log {

using append_item = const batch_item<payload>*;

// A draft has the events of its items until its end, and then moves them back, unless they were stored.
template <typename L>
class draft {
 public:
  explicit draft(followed_log<L>& on) : on_(on), known_(on.known()) {}
  draft(const draft&) = delete;
  draft& operator=(const draft&) = delete;
  ~draft() {
    auto from = made_.events.begin();
    for (const auto* item : taken_)
      for (auto& event : item->events) event = std::move(static_cast<cloud_event&>(*from++));
  }

  // Judges items that are good input, in order, and takes the events of those that are to be stored. Nothing is added
  // to what is known of the log meanwhile. It is called once.
  [[nodiscard]] std::vector<result<append_result>> judge(std::span<const append_item> items, const timestamp& now) {
    base_ = known_.head();
    made_.first = base_ + 1;
    made_.time = std::max(now, known_.last_time());
    std::size_t events = 0;
    for (const auto* item : items) events += item->events.size();
    made_.events.reserve(events);
    made_.appends.reserve(items.size());
    taken_.reserve(items.size());
    std::vector<result<append_result>> results;
    results.reserve(items.size());
    for (const auto* item : items) {
      const bool is_last = item == items.back();
      results.push_back(kit::item_result([&] { return judge(*item, is_last); }));
    }
    record();
    return results;
  }
  // Returns whether there is nothing to store.
  [[nodiscard]] bool empty() const noexcept { return made_.events.empty(); }
  [[nodiscard]] commit& made() noexcept { return made_; }
  // Gives the commit away, which is stored.
  [[nodiscard]] commit release() noexcept {
    taken_.clear();
    return std::move(made_);
  }

 private:
  using cloud_events = std::span<const cloud_event>;
  static_assert(std::is_nothrow_move_constructible_v<cloud_event> && std::is_nothrow_move_assignable_v<cloud_event>);

  [[nodiscard]] append_result judge(const batch_item<payload>& item, bool is_last) {
    facts stored{*this, item.events};
    if (const auto answer = kit::judge(stored, cloud_events(item.events), item.condition)) return *answer;
    if (!is_last) index_ahead(item.events);
    const auto first = base_ + made_.events.size() + 1;
    for (auto& one : item.events) made_.events.push_back({std::move(one)});
    made_.appends.push_back(static_cast<std::uint32_t>(item.events.size()));
    taken_.push_back(&item);
    return appended{first, base_ + made_.events.size()};
  }
  // Indexes events that later items see.
  void index_ahead(cloud_events all) {
    if (!ahead_) ahead_.emplace();
    const auto plan = ahead_->make_plan(all);
    index::event_index::hashes names(plan.begin(), plan.end());
    try {
      for (const auto& one : all)
        ahead_->stage(index::event_index::take(names, one.tags.size()), one.type, one.subject, one.tags);
    } catch (...) {
      ahead_->rollback();
      throw;
    }
    ahead_->commit();
  }
  // Gives the events what the log gives them.
  void record() {
    std::map<std::string_view, must::version> last;
    for (std::size_t i = 0; i < made_.events.size(); ++i) {
      auto& one = made_.events[i];
      one.position = made_.first + i;
      one.recorded_at = made_.time;
      if (one.subject.empty()) continue;
      const auto [at, is_new] = last.try_emplace(one.subject);
      if (is_new) at->second = known_.index().version_of(one.subject);
      one.version = ++at->second;
    }
  }

  // What judge() asks: the log up to `base_`, and above it the events that the draft has taken.
  struct facts {
    [[nodiscard]] position head() const noexcept { return of.base_ + of.made_.events.size(); }
    [[nodiscard]] kit::known_event known(std::size_t i) const {
      const auto at = find(all[i].source, all[i].id);
      if (at == 0) return {};
      const auto& row = at > of.base_ ? of.ahead_->row(at - of.base_) : of.known_.index().row(at);
      return {at, row.offset, row.append_size};
    }
    [[nodiscard]] bool same_content(std::size_t i, position at) const {
      if (at > of.base_) return kit::same_content<payload>(taken(at), all[i]);
      const auto body = of.on_.body_at(at);
      return kit::same_content<payload>(body->events[at - body->first], all[i]);
    }
    [[nodiscard]] bool has(const seen_event& seen) const { return find(seen.source, seen.id) == seen.position; }
    [[nodiscard]] must::version version(std::string_view stream) const {
      const auto stored = of.known_.index().version_of(stream);
      return of.ahead_ ? must::version(stored.value + of.ahead_->version_of(stream).value) : stored;
    }
    [[nodiscard]] position last_match(const query& which, position after) const {
      if (of.ahead_)
        if (const auto found = of.ahead_->last_match(which, after - std::min(after, of.base_))) return of.base_ + found;
      return of.known_.index().last_match(which, after);
    }

    [[nodiscard]] position find(std::string_view source, std::string_view id) const {
      if (of.ahead_)
        if (const auto found = of.ahead_->find(of.ahead_->identity_hash(source, id), [&](position at) {
              const auto& one = taken(of.base_ + at);
              return one.id == id && one.source == source;
            }))
          return of.base_ + found;
      return of.known_.find(source, id, of.base_, [&](position at) { return of.on_.is_event(at, source, id); });
    }
    [[nodiscard]] const recorded<payload>& taken(position at) const { return of.made_.events[at - of.base_ - 1]; }
    const draft& of;
    cloud_events all;
  };

  followed_log<L>& on_;
  const catalog& known_;
  position base_ = 0;  // The head of the log when the items were judged.
  commit made_{};
  std::vector<append_item> taken_{};
  std::optional<index::event_index> ahead_{};
};

}  // namespace must::detail::log

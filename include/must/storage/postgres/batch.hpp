// SPDX-License-Identifier: MIT
// Many appends in one transaction: the server says what is stored, the index of a batch what its earlier items add.
#pragma once

#include "must/detail/siphash.hpp"
#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/result.hpp"
#include "must/storage.hpp"
#include "must/storage/index/event_index.hpp"
#include "must/storage/kit/batch.hpp"
#include "must/storage/kit/identity.hpp"
#include "must/storage/kit/judge.hpp"
#include "must/storage/kit/row.hpp"
#include "must/storage/postgres/appending.hpp"
#include "must/storage/postgres/connection.hpp"
#include "must/storage/postgres/parameters.hpp"
#include "must/storage/postgres/schema.hpp"
#include "must/storage/postgres/select.hpp"
#include "must/timestamp.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace must::detail::postgres {

// A batch of items that are good input. They are judged once, under the commit lock.
class pg_batch {
 public:
  using item = batch_item<payload>;

  pg_batch(std::vector<const item*> items, const siphash_key& key) : items_(std::move(items)) {
    pg_array ids(pg_type::text), sources(pg_type::text), above(pg_type::int8);
    pg_items queries;
    for (const auto* one : items_) {
      for (const auto& event : one->events) {
        ids.add(event.id);
        sources.add(event.source);
        if (!event.subject.empty()) names_.number_of(event.subject);
        digests_.push_back(kit::keyed_content_digest(key, event));
      }
      for (const auto& expectation : one->condition.streams) names_.number_of(expectation.stream);
      for (const auto& part : one->condition.query.items()) {
        above.add_integer(static_cast<std::int64_t>(pg_clamp(one->condition.after)));
        queries.add(part);
      }
    }
    // The events that were seen follow those of the items.
    for (const auto* one : items_)
      for (const auto& seen : one->condition.seen) {
        ids.add(seen.id);
        sources.add(seen.source);
        ++seen_;
      }
    auto& to = look_;
    to.add(std::int32_t{pg_schema_version});
    to.add(std::move(ids));
    to.add(std::move(sources));
    auto numbers = names_;
    to.add(numbers.take());
    to.add(std::move(above));
    for (auto* one : {&queries.type_from, &queries.type_to, &queries.tag_from, &queries.tag_to, &queries.stream,
                      &queries.types, &queries.tags})
      to.add(std::move(*one));
  }

  // Adds the parameters of the function look.
  [[nodiscard]] const pg_parameters& look() const noexcept { return look_; }

  // Judges every item. Afterwards `results` and `accepted` hold what came of it.
  void judge(const pg_result& answer) {
    head_ = answer.number(0, 0);
    recorded_ = answer.is_null(0, 1) ? std::numeric_limits<std::int64_t>::min() : answer.integer<std::int64_t>(0, 1);
    versions_ = answer.numbers<std::int64_t>(0, 2);
    matches_ = answer.numbers<std::int64_t>(0, 3);
    known_ = known_of(answer, 4, digests_.size() + seen_);
    std::size_t first_event = 0, first_part = 0, first_seen = digests_.size();
    for (const auto* one : items_) {
      bool is_new = false;
      results.push_back(kit::item_result([&]() -> append_result {
        facts stored{*this, *one, first_event, first_part, first_seen};
        if (const auto known = kit::judge(stored, std::span<const cloud_event>(one->events), one->condition))
          return *known;
        is_new = true;
        return appended{last() + 1, last() + one->events.size()};
      }));
      // What ends this half way, such as a lack of memory, passes: it ends the transaction, and nothing is stored.
      if (is_new) accept(one->events, first_event);
      first_seen += one->condition.seen.size();
      first_event += one->events.size();
      first_part += one->condition.query.items().size();
    }
  }
  // Adds the parameters of the function put_events.
  [[nodiscard]] pg_parameters put(timestamp now, std::string_view channel) {
    pg_parameters to;
    to.add(head_);
    to.add(std::max(now.microseconds, recorded_));
    to.add_or_null(channel);
    auto& all = accepted;
    for (auto* one : {&all.ids, &all.sources, &all.types, &all.streams, &all.stream_nos, &all.steps})
      to.add(std::move(*one));
    pg_array versions(pg_type::int8);
    for (const auto one : versions_) versions.add_integer(static_cast<std::int64_t>(one));
    to.add(std::move(versions));
    for (auto* one : {&all.times, &all.tag_sets, &all.content_types, &all.states, &all.datas, &all.attribute_sets,
                      &all.digests, &all.offsets, &all.sizes, &all.tag_events, &all.tag_names, &all.tag_types})
      to.add(std::move(*one));
    return to;
  }
  [[nodiscard]] position last() const noexcept { return head_ + added_.staged(); }

  std::vector<result<append_result>> results{};
  pg_events accepted{};

 private:
  [[nodiscard]] version version_of(std::string_view stream) {
    const auto stored = versions_.at(static_cast<std::size_t>(names_.number_of(stream) - 1));
    return version(stored + added_.version_of(stream).value);
  }
  // These members answer judge() from the answer of the server and from the earlier items of the batch.
  struct facts {
    [[nodiscard]] position head() const noexcept { return of.last(); }
    [[nodiscard]] kit::known_event known(std::size_t i) const {
      const auto& stored = of.known_[first_event + i].event;
      if (stored.at != 0) return stored;
      const auto& event = one.events[i];
      const auto is_that = [&](position at) {
        const auto& other = *of.stored_[at - 1];
        return other.id == event.id && other.source == event.source;
      };
      const auto found = of.added_.find(event.source, event.id, of.added_.staged(), is_that);
      if (found == 0) return {};
      return {of.head_ + found, of.added_.row(found).offset, of.added_.row(found).append_size};
    }
    [[nodiscard]] bool same_content(std::size_t i, position at) const {
      const auto own = as_text(of.digests_[first_event + i]);
      if (at <= of.head_) return own == of.known_[first_event + i].digest;
      return own == as_text(of.digests_[of.places_[at - of.head_ - 1]]);
    }
    [[nodiscard]] bool has(const seen_event& event) const {
      if (event.position > of.head_) {
        const auto at = event.position - of.head_ - 1;
        return at < of.stored_.size() && of.stored_[at]->id == event.id && of.stored_[at]->source == event.source;
      }
      const auto place = static_cast<std::size_t>(&event - one.condition.seen.data());
      return of.known_[first_seen + place].event.at == event.position;
    }
    [[nodiscard]] must::version version(std::string_view stream) const { return of.version_of(stream); }
    [[nodiscard]] position last_match(const query& which, position after) const {
      if (which.is_all()) return head() > after ? head() : 0;
      if (const auto newer = of.added_.last_match(which, std::max(after, of.head_) - of.head_); newer != 0)
        return of.head_ + newer;
      position found = 0;
      for (std::size_t i = 0; i < which.items().size(); ++i) found = std::max(found, of.matches_.at(first_part + i));
      return found;
    }
    pg_batch& of;
    const item& one;
    std::size_t first_event, first_part, first_seen;
  };
  void accept(std::span<const cloud_event> events, std::size_t first_event) {
    const auto plan = added_.make_plan(events);
    index::event_index::hashes rest(plan.begin(), plan.end());
    for (std::size_t i = 0; i < events.size(); ++i) {
      const auto& event = events[i];
      const auto number = event.subject.empty() ? 0 : names_.number_of(event.subject);
      accepted.add(event, number, number == 0 ? 0 : ++steps_[number], i, events.size(), digests_[first_event + i]);
      stored_.push_back(&event);
      places_.push_back(first_event + i);
      added_.stage(index::event_index::take(rest, event.tags.size()), event.type, event.subject, event.tags);
    }
    added_.commit();
  }

  std::vector<const item*> items_;
  pg_names names_{};
  std::vector<pg_digest> digests_{};  // The digests of every event of every item.
  std::size_t seen_ = 0;              // The number of events that conditions name.
  pg_parameters look_{};
  position head_ = 0;
  std::int64_t recorded_ = 0;
  std::vector<std::uint64_t> versions_{};  // The versions of streams by their numbers.
  std::vector<position> matches_{};        // The last matching positions by the items of queries.
  std::vector<pg_known> known_{};
  index::event_index added_{};
  std::map<std::int32_t, std::int32_t> steps_{};
  std::vector<const cloud_event*> stored_{};  // The events that were accepted, and where their digests are.
  std::vector<std::size_t> places_{};
};

}  // namespace must::detail::postgres

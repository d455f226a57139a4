// SPDX-License-Identifier: MIT
// Appends as parameters of the server's functions, and what those answer as results.
#pragma once

#include "must/detail/siphash.hpp"
#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/storage/kit/identity.hpp"
#include "must/storage/kit/judge.hpp"
#include "must/storage/kit/row.hpp"
#include "must/storage/postgres/connection.hpp"
#include "must/storage/postgres/failure.hpp"
#include "must/storage/postgres/parameters.hpp"
#include "must/storage/postgres/schema.hpp"
#include "must/storage/postgres/select.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace must::detail::postgres {

using pg_digest = std::array<std::uint8_t, 16>;
inline std::string_view as_text(const pg_digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

// Names, each with its number from 1 in the order they came.
class pg_names {
 public:
  std::int32_t number_of(std::string_view name) {
    const auto [at, is_new] = numbers_.emplace(name, names_.size() + 1);
    if (is_new) names_.add(name);
    return static_cast<std::int32_t>(at->second);
  }
  [[nodiscard]] pg_array take() { return std::move(names_); }

 private:
  std::unordered_map<std::string_view, std::int32_t> numbers_{};
  pg_array names_{pg_type::text};
};

// Events as arrays, for the functions append and put_events.
class pg_events {
 public:
  // stream_no is 0 for an event without a stream; step is added to the version of the stream.
  void add(const cloud_event& event, std::int32_t stream_no, std::int32_t step, std::size_t offset, std::size_t size,
           const pg_digest& digest) {
    ids.add(event.id);
    sources.add(event.source);
    types.add(event.type);
    streams.add_or_null(event.subject);
    stream_no == 0 ? stream_nos.add_null() : stream_nos.add_integer(stream_no);
    steps.add_integer(step);
    event.time ? times.add_integer(event.time->microseconds) : times.add_null();
    tag_sets.add(kit::pack_tags(event.tags));
    content_types.add(event.data.content_type());
    states.add_integer(static_cast<std::int16_t>(event.data.state()));
    datas.add(event.data.bytes());
    attribute_sets.add(kit::pack_attributes(event));
    digests.add(as_text(digest));
    offsets.add_integer(static_cast<std::int32_t>(offset));
    sizes.add_integer(static_cast<std::int32_t>(size));
    for (const auto& tag : event.tags) {
      tag_events.add_integer(ids.size());
      tag_names.add(tag);
      tag_types.add(event.type);
    }
  }
  [[nodiscard]] std::int32_t size() const noexcept { return ids.size(); }

  pg_array ids{pg_type::text}, sources{pg_type::text}, types{pg_type::text}, streams{pg_type::text},
      stream_nos{pg_type::int4}, steps{pg_type::int4}, times{pg_type::int8}, tag_sets{pg_type::bytes},
      content_types{pg_type::text}, states{pg_type::int2}, datas{pg_type::bytes}, attribute_sets{pg_type::bytes},
      digests{pg_type::bytes}, offsets{pg_type::int4}, sizes{pg_type::int4}, tag_events{pg_type::int4},
      tag_names{pg_type::text}, tag_types{pg_type::text};
};

// "SELECT * FROM {s}.name($1, ..., $count)"
inline std::string pg_select_from(const char* function, int count) {
  std::string text = std::string("SELECT * FROM {s}.") + function + "(";
  for (int i = 1; i <= count; ++i) text += (i == 1 ? "$" : ", $") + std::to_string(i);
  return text + ")";
}

// What the server knows of the ids of an append. Entry i belongs to the event i.
struct pg_known {
  kit::known_event event{};
  std::string_view digest{};
};
inline std::vector<pg_known> known_of(const pg_result& from, int column, std::size_t count) {
  std::vector<pg_known> known(count);
  const auto at = from.numbers<std::int64_t>(0, column + 1);
  const auto offset = from.numbers<std::int32_t>(0, column + 2), size = from.numbers<std::int32_t>(0, column + 3);
  const auto digest = from.array(0, column + 4);
  const auto numbers = from.numbers<std::int32_t>(0, column);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (numbers[i] - 1 >= count || i >= std::min({at.size(), offset.size(), size.size(), digest.size()}))
      refuse_pg_answer();
    known[numbers[i] - 1] = {{at[i], offset[i], size[i]}, digest[i]};
  }
  return known;
}

// Returns whether a conflict stays one whatever else is stored. A stream that is behind may still reach the version
// that was expected, and a store the event that was seen.
inline bool is_final(const conflict& why) {
  if (why.failed == conflict::part::history) return why.actual >= why.after;
  return why.failed != conflict::part::stream || why.actual >= why.expected.value_or(1).value;
}

// One append, which is sent as one call.
class pg_append_call {
 public:
  static constexpr int parameter_count = 34;

  pg_append_call(std::span<const cloud_event> events, const append_condition& condition, const siphash_key& key,
                 timestamp now, std::string_view channel)
      : events_(events), condition_(condition) {
    pg_events all;
    pg_names names;
    std::vector<std::int32_t> steps;
    for (std::size_t i = 0; i < events.size(); ++i) {
      const auto& event = events[i];
      digests_.push_back(kit::keyed_content_digest(key, event));
      const auto number = event.subject.empty() ? 0 : names.number_of(event.subject);
      steps.resize(std::max(steps.size(), static_cast<std::size_t>(number) + 1));
      all.add(event, number, ++steps[static_cast<std::size_t>(number)], i, events.size(), digests_.back());
    }
    pg_array expect_stream(pg_type::text), expect_kind(pg_type::int4), expect_at(pg_type::int8);
    for (const auto& seen : condition.seen)  // An event that was seen takes two places: its id and its source.
      for (const auto* text : {&seen.id, &seen.source}) {
        expect_stream.add(*text);
        expect_kind.add_integer(text == &seen.id ? pg_kind_seen : pg_kind_seen + 1);
        expect_at.add_integer(static_cast<std::int64_t>(pg_clamp(seen.position)));
      }
    for (const auto& one : condition.streams) {
      expect_stream.add(one.stream);
      expect_kind.add_integer(static_cast<std::int32_t>(one.expected));
      expect_at.add_integer(static_cast<std::int64_t>(pg_clamp(one.at.value)));
    }
    pg_items items;
    for (const auto& item : condition.query.items()) items.add(item);
    auto& to = parameters_;
    to.add(std::int32_t{pg_schema_version});
    to.add(now.microseconds);
    to.add_or_null(channel);
    for (auto* one : {&all.ids, &all.sources, &all.types, &all.streams, &all.stream_nos, &all.steps})
      to.add(std::move(*one));
    to.add(names.take());
    for (auto* one : {&all.times, &all.tag_sets, &all.content_types, &all.states, &all.datas, &all.attribute_sets,
                      &all.digests, &all.offsets, &all.sizes, &all.tag_events, &all.tag_names, &all.tag_types,
                      &expect_stream, &expect_kind, &expect_at})
      to.add(std::move(*one));
    to.add(pg_clamp(condition.after));
    to.add_flag(condition.query.is_all());
    for (auto* one :
         {&items.type_from, &items.type_to, &items.tag_from, &items.tag_to, &items.stream, &items.types, &items.tags})
      to.add(std::move(*one));
  }

  [[nodiscard]] const pg_parameters& parameters() const noexcept { return parameters_; }

  // Reads the answer of the server. `unknown` says that the call was made before, with the commit in it. Throws
  // duplicate_id, position_ahead and pg_unsettled.
  [[nodiscard]] append_result verdict(const pg_result& answer, bool unknown, bool* was_repeat = nullptr) const {
    const auto head = answer.number(0, 1);
    const auto actual = answer.number(0, 3);
    switch (answer.integer<std::int32_t>(0, 0)) {
      case 1: {
        const auto known = known_of(answer, 4, events_.size());
        const auto repeat = kit::find_repeat(
            events_, [&](std::size_t i) { return known[i].event; },
            [&](std::size_t i, position) { return known[i].digest == as_text(digests_[i]); });
        if (!repeat) refuse_pg_answer();
        if (was_repeat != nullptr) *was_repeat = true;
        return *repeat;
      }
      case 2:
        if (unknown) throw pg_unsettled{};
        kit::check_not_ahead(condition_, head);
        break;
      case 3: {
        const std::size_t part = answer.number32(0, 2) - 1, seen = condition_.seen.size();
        auto failed = part < 2 * seen ? kit::history_conflict(condition_.seen[part / 2], head)
                                      : kit::stream_conflict(condition_.streams.at(part - 2 * seen), version(actual));
        if (unknown && !is_final(failed)) throw pg_unsettled{};
        return failed;
      }
      case 4: return kit::query_conflict(condition_, actual);
      default: break;
    }
    return appended{head + 1, head + events_.size()};
  }

 private:
  std::span<const cloud_event> events_;
  const append_condition& condition_;
  std::vector<pg_digest> digests_{};
  pg_parameters parameters_{};
};

}  // namespace must::detail::postgres

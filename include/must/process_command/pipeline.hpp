// SPDX-License-Identifier: MIT
// The pipeline behind process_command, compiled once a store: decide, append, and again on a conflict.
#pragma once

#include "must/detail/wait.hpp"
#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/options.hpp"
#include "must/process_command/decide.hpp"
#include "must/process_command/fold.hpp"
#include "must/process_command/identity.hpp"
#include "must/process_command/make_event.hpp"
#include "must/process_command/settings.hpp"
#include "must/processed.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/storage/kit/validate.hpp"
#include "must/text/quoted.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace must::detail::pipeline {

// Ends at the deadline, to the precision of the coarse clock, which costs next to nothing.
class stopwatch {
 public:
  explicit stopwatch(const deadline& limit) : end_(end_of(limit.after.microseconds, coarse_microseconds())) {}
  [[nodiscard]] bool is_over() const { return coarse_microseconds() >= end_; }

 private:
  static std::int64_t end_of(std::int64_t after, std::int64_t now) {
    return after > INT64_MAX - now ? INT64_MAX : now + after;
  }
  std::int64_t end_;
};

// Gives the records their ids. Those of a command with an id follow from it.
template <typename Data>
void name_records(std::vector<basic_event<Data>>& records, const command_identity* identity,
                  const event_context& context) {
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (identity == nullptr) {
      records[i].id = context.origin.ids->next(context.now);
      continue;
    }
    records[i].id = identity->event_id(context.origin.source, i);
    identity->stamp(records[i].extensions, i, records.size());
  }
}

// Appends. An unknown outcome is resolved by the same append again, until the deadline.
template <typename S, typename Data>
append_result append_surely(S& storage, std::vector<basic_event<Data>>& records, const append_condition& condition,
                            const stopwatch& clock) {
  for (unsigned attempt = 0;; ++attempt) {
    try {
      return storage.append(std::span<basic_event<Data>>(records), condition);
    } catch (const outcome_unknown&) {
      if (clock.is_over()) throw;
    }
    back_off(attempt);
  }
}

inline error give_up(const conflict& why, unsigned attempts) {
  auto made = to_error(why);
  if (attempts > 1) made.message += " (after " + std::to_string(attempts) + " attempts)";
  return made;
}

// What a command is being translated to, and how far its rules are.
template <typename Data>
struct decision {
  event_context context;
  void* events = nullptr;  // This is a std::vector<Held>, as the caller gets the events.
  std::vector<basic_event<Data>> records{};
  progress_of_rules rules{};
  bool starts_over = false;           // The store has not all that the states are folded from.
  std::optional<version> expected{};  // The version that the caller expects of the stream of the command.
  std::optional<version> seen{};      // The version of the stream that the command depends on, if it is known.

  // Returns the stream that the command depends on, or else the one that all of its events are in.
  [[nodiscard]] std::string_view stream() const {
    if (!context.stream.empty() || records.empty()) return context.stream;
    for (const auto& record : records)
      if (record.subject != records.front().subject) return {};
    return records.front().subject;
  }
  [[nodiscard]] std::optional<conflict> mismatch() const {
    if (!expected || !seen || *expected == *seen) return std::nullopt;
    return conflict{.failed = conflict::part::stream,
                    .stream = std::string(context.stream),
                    .expected = expected,
                    .actual = seen->value};
  }
  // The version of the stream with the events of the command, if it is known, and which of them is the last in it.
  struct end_of_stream {
    std::optional<version> at{};
    std::optional<std::size_t> index{};
  };
  [[nodiscard]] end_of_stream end() const {
    end_of_stream found{seen ? seen : expected, {}};
    const auto of = stream();
    for (std::size_t i = 0; found.at && i < records.size(); ++i) {
      if (records[i].subject != of) continue;
      ++*found.at;
      found.index = i;
    }
    return found;
  }
};

[[noreturn]] inline void refuse_expected_version(std::string_view why) {
  kit::refuse_input("expected_version", "needs a command about one stream: " + std::string(why));
}

// Refuses a command that depends on several streams where the caller expects a version of its stream.
inline void check_depends_on_one_stream(const query& boundaries) {
  const std::string* only = nullptr;
  for (const auto& item : boundaries.items()) {
    if (!item.stream) continue;
    if (only != nullptr && *only != *item.stream)
      refuse_expected_version("depends_on names " + text::in_quotes(*only) + " and " + text::in_quotes(*item.stream));
    only = &*item.stream;
  }
}

// Returns the condition, with what the caller expects of the stream of the command.
inline append_condition expecting(append_condition condition, std::string_view stream, version expected) {
  if (stream.empty()) refuse_expected_version("its events are in several streams, or in none");
  auto expectation = stream_expectation::exactly(std::string(stream), expected);
  for (const auto& one : condition.streams)
    if (one == expectation) return condition;
  condition.streams.push_back(std::move(expectation));
  return condition;
}

// The part of the pipeline that depends on the command. The rest is compiled once a store.
template <typename Storage>
struct own_part {
  using data_type = typename Storage::data_type;

  // Brings the states up to date and runs the rules. Returns whether the command passed.
  bool (*decide)(void* self, Storage& storage, decision<data_type>& to) = nullptr;
  void* self = nullptr;
  void* events = nullptr;
  const append_condition* condition = &no_condition;
  const command_identity* identity = nullptr;
  // Takes the events of an earlier run of a command with an identity.
  void (*take_up)(void* events, const std::vector<recorded<data_type>>& records) = nullptr;
};

// The pipeline behind the part that depends on the command.
template <typename Storage>
class pipeline {
 public:
  using data_type = typename Storage::data_type;

  pipeline(Storage& storage, const settings& how, processed_command& done)
      : storage_(storage), how_(how), done_(done), clock_(how.until) {
    if (how.metadata != nullptr) check_metadata(*how.metadata);
    if (how.identity) kit::check_name("identified_by", how.identity->id);
  }

  // Returns whether there was an earlier run of the command. If so, its result is taken up.
  [[nodiscard]] bool replay(const own_part<Storage>& part) {
    if (part.identity == nullptr) return false;
    const auto records = find_repeat(storage_, *part.identity);
    if (records.empty()) return false;
    done_ = {.first = records.front().position, .last = records.back().position, .replayed = true};
    if (is_in_one_stream(records)) done_.version = records.back().version;
    part.take_up(part.events, records);
    return true;
  }

  [[nodiscard]] why_not run(const own_part<Storage>& part) {
    decision<data_type> to{event_context{storage_.origin(), {}, {}, how_.metadata}, part.events};
    if (how_.expected) check_depends_on_one_stream(part.condition->query);
    to.expected = how_.expected;
    append_condition narrowed;
    for (;;) {
      ++done_.attempts;
      to.records.clear();
      to.context.now = storage_.origin().clock->now();
      const bool passed = to.rules.run([&](const progress_of_rules&) { return part.decide(part.self, storage_, to); });
      if (!passed || to.records.empty()) {
        done_.version = to.seen;
        // The states may hold what a repeat that ran at the same time has stored.
        if (replay(part) || passed) return std::nullopt;
        return std::move(to.rules.no);
      }
      name_records(to.records, part.identity, to.context);
      const auto* condition = part.condition;
      if (how_.expected) condition = &(narrowed = expecting(*part.condition, to.stream(), *how_.expected));
      if (how_.cause) {
        narrowed = *condition;
        narrowed.seen.push_back(*how_.cause);
        condition = &narrowed;
      }
      const auto end = to.end();  // The store may move the events away.
      try {
        const auto stored = append_surely(storage_, to.records, *condition, clock_);
        if (stored) {
          done_.first = stored->first;
          done_.last = stored->last;
          done_.version = end.at;
          // When others have stored something in between, that may have been a repeat of this command.
          if (end.index && part.identity != nullptr && stored->first != condition->after + 1)
            done_.version = stored_version(part.identity->event_id(storage_.origin().source, *end.index));
          return std::nullopt;
        }
        const auto& why = stored.why();
        to.starts_over = why.failed == conflict::part::history;
        if (why.failed == conflict::part::stream || has_lost_cause(why) || done_.attempts >= how_.attempts.count ||
            clock_.is_over())
          return give_up(why, done_.attempts);
      } catch (const duplicate_id&) {
        if (replay(part)) return std::nullopt;
        throw;
      }
      back_off(done_.attempts);
    }
  }

 private:
  [[nodiscard]] bool has_lost_cause(const conflict& why) const {
    return how_.cause && why.failed == conflict::part::history && why.after == how_.cause->position;
  }
  [[nodiscard]] std::optional<version> stored_version(const std::string& id) {
    const auto found = storage_.find(storage_.origin().source, id);
    return found ? std::optional(found->version) : std::nullopt;
  }
  [[nodiscard]] static bool is_in_one_stream(const std::vector<recorded<data_type>>& records) {
    for (const auto& record : records)
      if (record.subject.empty() || record.subject != records.front().subject) return false;
    return true;
  }

  Storage& storage_;
  const settings& how_;
  processed_command& done_;
  stopwatch clock_;
};

}  // namespace must::detail::pipeline

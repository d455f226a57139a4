// SPDX-License-Identifier: MIT
// The pipeline behind process_command, compiled once a store: decide, append, and again on a conflict.
#pragma once

#include "must/detail/wait.hpp"
#include "must/error.hpp"
#include "must/options.hpp"
#include "must/process_command/decide.hpp"
#include "must/process_command/fold.hpp"
#include "must/process_command/identity.hpp"
#include "must/process_command/make_event.hpp"
#include "must/processed.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/storage/kit/validate.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace must::detail::pipeline {

// The options that `must` itself defines.
struct settings {
  const attributes* metadata = nullptr;
  must::attempts attempts{};
  deadline until{};
  std::optional<command_identity> identity{};

  void take(const must::metadata& all) { metadata = &all.entries; }
  void take(const must::attempts& count) { attempts = count; }
  void take(const deadline& limit) { until = limit; }
  template <typename Option>
  void take(const Option&) {}
};

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
  bool starts_over = false;  // The store has not all that the states are folded from.
};

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
    part.take_up(part.events, records);
    return true;
  }

  [[nodiscard]] why_not run(const own_part<Storage>& part) {
    decision<data_type> to{event_context{storage_.origin(), {}, {}, how_.metadata}, part.events};
    for (;;) {
      ++done_.attempts;
      to.records.clear();
      to.context.now = storage_.origin().clock->now();
      const bool passed = to.rules.run([&](const progress_of_rules&) { return part.decide(part.self, storage_, to); });
      if (!passed || to.records.empty()) {
        // The states may hold what a repeat that ran at the same time has stored.
        if (replay(part) || passed) return std::nullopt;
        return std::move(to.rules.no);
      }
      name_records(to.records, part.identity, to.context);
      try {
        const auto stored = append_surely(storage_, to.records, *part.condition, clock_);
        if (stored) {
          done_.first = stored->first;
          done_.last = stored->last;
          return std::nullopt;
        }
        const auto& why = stored.why();
        to.starts_over = why.failed == conflict::part::history;
        if (why.failed == conflict::part::stream || done_.attempts >= how_.attempts.count || clock_.is_over())
          return give_up(why, done_.attempts);
      } catch (const duplicate_id&) {
        if (replay(part)) return std::nullopt;
        throw;
      }
      back_off(done_.attempts);
    }
  }

 private:
  Storage& storage_;
  const settings& how_;
  processed_command& done_;
  stopwatch clock_;
};

}  // namespace must::detail::pipeline

// SPDX-License-Identifier: MIT
// What a process manager does with an event: decide, store the decision, run its commands, store what became of them.
#pragma once

#include "must/codec/codec.hpp"
#include "must/codec/versions.hpp"
#include "must/detail/current_error.hpp"
#include "must/detail/digest.hpp"
#include "must/error.hpp"
#include "must/event.hpp"
#include "must/fwd.hpp"
#include "must/model/process_manager/deadlines.hpp"
#include "must/model/process_manager/event_codec.hpp"
#include "must/model/process_manager/events.hpp"
#include "must/model/process_manager/instance.hpp"
#include "must/model/process_manager/kept.hpp"
#include "must/model/process_manager/reaction.hpp"
#include "must/model/process_manager/storing.hpp"
#include "must/options.hpp"
#include "must/process_command.hpp"
#include "must/process_command/settings.hpp"
#include "must/record.hpp"
#include "must/storage.hpp"
#include "must/stored_names.hpp"
#include "must/subscription/handler_call.hpp"
#include "must/subscription/hooks.hpp"
#include "must/text/quoted.hpp"
#include "must/text/utf8.hpp"
#include "must/timestamp.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <new>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace must::detail::model {

template <ProcessManager P, CellStorage S, typename... Option>
class process_runner : public following::hooks {
 public:
  using data_type = typename S::data_type;
  using event_type = recorded<data_type>;
  using instance = kept_instance<P>;

  // A process that goes on by itself, without a pause, is stopped after so many decisions.
  static constexpr std::size_t most_in_a_row = 100;

  process_runner(S& storage, std::string name, Option... options)
      : storage_(&storage), name_(std::move(name)), options_(std::move(options)...) {}

  void operator()(const event_type& record) {
    telling_the_store([&] { on_event(record, typename P::events{}); });
  }

  // Forgets what is kept, since another process may have followed meanwhile.
  void begin_run(const std::stop_token& stop) {
    stop_ = stop;
    deadlines_ = process_deadlines(name_);
    kept_.clear();
  }
  // Fires the deadlines that have passed by now. Returns how long it is until the next.
  template <typename Timed>
  duration tick(Timed&& timed) {
    if constexpr (has_deadlines) {
      const auto until = now();
      const auto is_aside = [&](const pending_deadline& one) { return timed.is_set_aside(work_of(one)); };
      for (bool fired = true; fired;) {
        fired = false;
        deadlines_.catch_up(*storage_);
        while (const auto due = deadlines_.due(until, is_aside)) {
          const auto what = work_of(*due);
          if (stop_.stop_requested() || !timed.run(what, [&] { return handle(what); }, [&] { give_up(what); }))
            return {};
          if (!timed.is_set_aside(what)) deadlines_.done(*due);
          fired = true;
        }
      }
      if (const auto next = deadlines_.next(until)) return duration{*next - now().microseconds};
    }
    return duration{longest_span};
  }
  // Fires a deadline. Returns true.
  bool handle(const following::timed_work& what) {
    telling_the_store([&] { fire({what.key, what.decision, what.name}); });
    return true;
  }
  // Stores that a deadline is passed over for good, so that no later run fires it or goes on with it. The instance is
  // read anew next time.
  void give_up(const following::timed_work& what) {
    const auto trigger = process_trigger::of_passing_over(what.decision, what.name);
    auto one = kept_.take(name_, what.key);
    one->catch_up(*storage_);
    static_cast<void>(decided_on(*one, {what.decision, what.decision}, trigger, [](auto&, auto&) { return true; }));
    deadlines_.done({what.key, what.decision, what.name});
  }
  // Returns the key that an event is parked under: that of its instance, or the stream of one that cannot be read.
  [[nodiscard]] static std::string key_or_stream(const event_type& record) {
    try {
      return key_among(record, typename P::events{});
    } catch (const exception&) {
      return record.subject;
    }
  }

 private:
  // Calls `work()`. What a store throws in it, also within a command, is no failure of the process.
  template <typename Work>
  static void telling_the_store(Work&& work) {
    try {
      work();
    } catch (const storage_error&) {
      throw following::thrown_by_store{std::current_exception(), true};
    } catch (const outcome_unknown&) {
      throw following::thrown_by_store{std::current_exception(), true};
    }
  }

  static constexpr bool has_deadlines = requires(const P& process) { process.on_deadline(std::string_view()); };

  template <typename... E>
  static std::string key_among(const event_type& record, events<E...>) {
    std::string key;
    static_cast<void>((coding::with_event<E>(record, [&](const E& event) { key = P::key_of(event); }) || ...));
    return key;
  }
  template <typename... E>
  void on_event(const event_type& record, events<E...>) {
    const bool known = (coding::with_event<E>(record, [&](const E& event) { on(record, event); }) || ...);
    if (!known)
      coding::raise_undecodable(record.id, record.type, record.position, error_code::codec_error,
                                "the process manager has no such event");
  }
  template <typename E>
  void on(const event_type& record, const E& event) {
    const std::string key = P::key_of(event);
    if (key.empty()) return;
    check_utf8("key", key);
    constexpr bool starts = is_listed<E, typename P::starts>;
    const auto trigger = process_trigger::of_event(record.source, record.id, record.position);
    follow(process_cause::of(record), key, trigger, [&](instance& one, process_decided& to) {
      if (one.told().has_ended() || (!starts && !one.told().has_started())) return false;
      auto& state = one.state(*storage_);
      pipeline::apply_to(state, typename P::events{}, record);
      pipeline::for_events<payload>(reaction_to(std::as_const(state), event, record), process_decision(to, now()));
      to.ended = to.ended || ends_with<P, E>();
      return true;
    });
  }
  [[nodiscard]] timestamp now() const { return timestamp{storage_->origin().clock->now().microseconds}; }

  // Decides, unless that was done, and does what is left to do.
  template <typename Decide>
  void follow(const process_cause& cause, const std::string& key, const process_trigger& trigger, Decide&& decide) {
    auto one = kept_.take(name_, key);
    one->catch_up(*storage_);
    if (const auto first = decided_on(*one, cause, trigger, decide)) execute(*one, cause, *first);
    kept_.put_back(std::move(one));
  }
  // Returns the place of the decision on a trigger, or nothing when the process does not care.
  template <typename Decide>
  std::optional<std::size_t> decided_on(instance& one, const process_cause& cause, const process_trigger& trigger,
                                        Decide&& decide) {
    const auto& told = one.told();
    for (int conflicts = 0;; ++conflicts) {
      if (const auto known = told.on(trigger)) return known;
      process_decided to{.manager = name_,
                         .key = told.key(),
                         .on = trigger.on,
                         .trigger = trigger.now,
                         .position = trigger.event.position};
      if (!decide(one, to)) return std::nullopt;
      check_goes_on(told, to);
      const auto& seen = told.newest_of(trigger);
      if (store_in_process(*storage_, cause, to, decision_id(told.key(), trigger), told.version(), seen)) {
        one.catch_up(*storage_);
        one.has_folded_all();
        continue;
      }
      if (conflicts == 16)
        raise({.code = error_code::version_conflict,
               .message = "the stream of the process grows without end, or has its ids from elsewhere",
               .stream = told.stream()});
      one.forget_state();
      one.catch_up(*storage_);
    }
  }
  // Throws when a process has kept itself busy for long and goes on in the same way. One that was mended goes on.
  void check_goes_on(const process_instance& told, const process_decided& next) const {
    const auto in_a_row = told.in_a_row(next);
    if (in_a_row < most_in_a_row) return;
    const auto* refused = told.refused_command(next);
    const bool again = std::any_of(next.commands.begin(), next.commands.end(), [&](const auto& one) {
      return in_a_row >= 2 * most_in_a_row || (refused != nullptr && one.type == refused->type);
    });
    const bool at_once = std::any_of(next.deadlines.begin(), next.deadlines.end(),
                                     [&](const auto& one) { return one.due.microseconds <= now().microseconds; });
    if (!again && !at_once) return;
    raise({.code = error_code::poison,
           .message = "the process " + text::in_quotes(told.key()) + " of the process manager " +
                      text::in_quotes(name_) + " has decided " + std::to_string(in_a_row) +
                      " times in a row on refusals of its own commands, or on deadlines that were due at once",
           .stream = told.stream()});
  }

  // Runs the commands of a decision, and of those that their refusals lead to, each before the next.
  void execute(instance& one, const process_cause& cause, std::size_t first) {
    struct level {
      std::size_t decision;
      std::uint32_t next = 0;
    };
    std::vector<level> open{{first}};
    while (!open.empty()) {
      auto& top = open.back();
      const auto& decided = one.told().decisions()[top.decision];
      if (top.next == decided.what.commands.size()) {
        open.pop_back();
        continue;
      }
      const auto index = top.next++;
      const auto known = decided.outcomes.find(index);
      const auto outcome = known == decided.outcomes.end() ? run(one, cause, decided, index) : known->second;
      if (outcome.refused.empty()) continue;
      if (const auto then = on_refused(one, cause, decided, outcome, typename P::commands{})) open.push_back({*then});
    }
  }
  process_outcome run(instance& one, const process_cause& cause, const process_instance::decision& decided,
                      std::uint32_t index) {
    if (stop_.stop_requested())
      raise({.code = error_code::storage_error,
             .message = "a stop was requested before the next command of a process",
             .operation = "run",
             .retryable = true});
    process_outcome outcome{.manager = name_, .key = one.told().key(), .decision = decided.stored.id, .index = index};
    if (decided.stored.source == source() || !has_run(decided, index)) run_command(cause, decided, index, outcome);
    const bool stored = store_in_process(*storage_, cause, outcome,
                                         uuid8(decided.stored.source, "must.process.outcome", decided.stored.id, index),
                                         {}, decided.stored);
    one.catch_up(*storage_);
    if (stored) return outcome;
    const auto found = decided.outcomes.find(index);
    if (found != decided.outcomes.end()) return found->second;
    raise({.code = error_code::duplicate_id,
           .message = "the id of an outcome of the process is stored elsewhere",
           .stream = one.told().stream()});
  }
  // Returns whether the events of a command are stored, even if its type, its content or the name of the store has
  // changed.
  [[nodiscard]] bool has_run(const process_instance::decision& decided, std::uint32_t index) {
    const auto& type = decided.what.commands[index].type;
    const auto is_stored = [&](const std::string& from) {
      return storage_->find(from, uuid8(from, type, command_id(decided, index), 0)).has_value();
    };
    return is_stored(decided.stored.source) || (decided.stored.source != source() && is_stored(source()));
  }
  void run_command(const process_cause& cause, const process_instance::decision& decided, std::uint32_t index,
                   process_outcome& outcome) {
    try {
      run_command_of(cause, decided, index, outcome, typename P::commands{});
    } catch (const duplicate_command&) {  // The command has other members now.
      if (!has_run(decided, index)) throw;
    } catch (const codec_error&) {  // The command cannot be read now, or comes to other events.
      if (!has_run(decided, index)) throw;
    }
  }
  template <typename... C>
  void run_command_of(const process_cause& cause, const process_instance::decision& decided, std::uint32_t index,
                      process_outcome& outcome, commands<C...>) {
    const auto& issued = decided.what.commands[index];
    const bool known = (run_command_as<C>(cause, decided, index, outcome) || ...);
    if (!known)
      raise({.code = error_code::codec_error,
             .message = "the process manager " + text::in_quotes(name_) + " has stored a command " +
                        text::in_quotes(issued.type) + " that is none of its commands now",
             .type = issued.type});
  }
  template <typename C>
  bool run_command_as(const process_cause& cause, const process_instance::decision& decided, std::uint32_t index,
                      process_outcome& outcome) {
    constexpr auto name = pipeline::command_type<C>();
    const auto& issued = decided.what.commands[index];
    if (issued.type != std::string_view(name)) return false;
    metadata caused;
    caused.entries.emplace(stored_names::extension::causation_id, cause.id);
    caused.entries.emplace(stored_names::extension::correlation_id, cause.correlation);
    const auto done = std::apply(
        [&](const Option&... options) {
          return try_process_command(read_command<C>(decided, issued), *storage_,
                                     identified_by{command_id(decided, index)}, caused,
                                     pipeline::caused_by{decided.stored}, options...);
        },
        options_);
    if (done) return true;
    const auto& why = done.error();
    if (why.code == error_code::version_conflict) check_stands(*storage_, decided.stored);
    if (why.code != error_code::unauthorized && why.code != error_code::invalid) raise(why);
    outcome.refused = why.message.empty() ? "refused" : std::string(text::cut(text::as_utf8(why.message), 500));
    outcome.rule = why.rule;
    return true;
  }
  template <typename C>
  static C read_command(const process_instance::decision& decided, const issued_command& issued) {
    try {
      return codec<C>::decode(issued.data);
    } catch (const std::bad_alloc&) {
      throw;
    } catch (...) {
      auto why = current_error("decode");
      raise({.code = error_code::codec_error,
             .message = "the command " + text::in_quotes(issued.type) + " of the decision " +
                        text::in_quotes(decided.stored.id) + ": " + why.message,
             .event_id = decided.stored.id,
             .type = issued.type});
    }
  }
  template <typename... C>
  std::optional<std::size_t> on_refused(instance& one, const process_cause& cause,
                                        const process_instance::decision& decided, const process_outcome& outcome,
                                        commands<C...>) {
    std::optional<std::size_t> then;
    static_cast<void>((on_refused_as<C>(one, cause, decided, outcome, then) || ...));
    return then;
  }
  template <typename C>
  bool on_refused_as(instance& one, const process_cause& cause, const process_instance::decision& decided,
                     const process_outcome& outcome, std::optional<std::size_t>& then) {
    constexpr auto name = pipeline::command_type<C>();
    const auto& issued = decided.what.commands[outcome.index];
    if (issued.type != std::string_view(name)) return false;
    if constexpr (requires(const P& process, const C& of, const error& why) { process.refused(of, why); }) {
      const auto trigger = process_trigger::of_refusal(decided.stored.id, outcome.index);
      const auto command = read_command<C>(decided, issued);
      then = decided_on(one, cause, trigger, [&](instance& in, process_decided& to) {
        const auto code = outcome.rule == "be_authorized" ? error_code::unauthorized : error_code::invalid;
        const error why{.code = code, .message = outcome.refused, .rule = rule_named(outcome.rule)};
        pipeline::for_events<payload>(std::as_const(in.state(*storage_)).refused(command, why),
                                      process_decision(to, now()));
        return true;
      });
    }
    return true;
  }
  static std::string_view rule_named(std::string_view stored) {
    for (const std::string_view rule : {"be_authorized", "be_valid", "be_translated_to_events", "depends_on"})
      if (rule == stored) return rule;
    return {};
  }

  static following::timed_work work_of(const pending_deadline& one) {
    return {.key = one.key, .decision = one.decision, .type = process_decided::type, .name = one.name};
  }
  void fire(const pending_deadline& due) {
    if constexpr (has_deadlines) {
      auto one = kept_.take(name_, due.key);
      one->catch_up(*storage_);
      const auto* set_by = one->told().find(due.decision);
      if (set_by == nullptr)
        raise({.code = error_code::storage_error,
               .message = "the stream of the process " + text::in_quotes(due.key) + " lacks the decision \"" +
                          due.decision + "\" that has set a deadline",
               .event_id = due.decision,
               .operation = "read"});
      const process_cause cause{set_by->stored.id, set_by->cause.correlation};
      const auto trigger = process_trigger::of_deadline(due.decision, due.name);
      const auto first = decided_on(*one, cause, trigger, [&](instance& in, process_decided& to) {
        if (!in.told().awaits(due.decision, due.name)) return false;
        pipeline::for_events<payload>(std::as_const(in.state(*storage_)).on_deadline(std::string_view(due.name)),
                                      process_decision(to, now()));
        return true;
      });
      if (first) execute(*one, cause, *first);
      kept_.put_back(std::move(one));
    }
  }

  [[nodiscard]] const std::string& source() const { return storage_->origin().source; }
  [[nodiscard]] std::string decision_id(const std::string& key, const process_trigger& trigger) const {
    return uuid8(source(), stored_names::joined({"must.process.decided", name_, std::to_string(schema_version<P>)}),
                 stored_names::joined({key, cause_names[static_cast<std::size_t>(trigger.on)], trigger.now}), 0);
  }
  [[nodiscard]] std::string command_id(const process_instance::decision& decided, std::uint32_t index) const {
    return uuid8(decided.stored.source, name_, decided.stored.id, index);
  }

  S* storage_;
  std::string name_;
  std::tuple<Option...> options_;
  process_deadlines deadlines_{name_};
  kept_instances<P> kept_{};
  std::stop_token stop_{};
};

}  // namespace must::detail::model

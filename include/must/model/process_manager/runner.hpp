// SPDX-License-Identifier: MIT
// What a process manager does with an event: decide, store the decision, run its commands, store what became of them.
#pragma once

#include "must/codec/codec.hpp"
#include "must/decision.hpp"
#include "must/error.hpp"
#include "must/event.hpp"
#include "must/fwd.hpp"
#include "must/model/process_manager/deadlines.hpp"
#include "must/model/process_manager/events.hpp"
#include "must/model/process_manager/instance.hpp"
#include "must/options.hpp"
#include "must/process_command.hpp"
#include "must/process_command/make_event.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/storage.hpp"
#include "must/storage/kit/validate.hpp"
#include "must/subscription/hooks.hpp"
#include "must/subscription/options.hpp"
#include "must/timestamp.hpp"

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace must {

/// The commands that a process manager issues: `using commands = must::commands<Withdraw, Deposit>;`.
template <typename... C>
struct commands {};

namespace detail::model {

template <typename P, typename E>
concept reacts = requires(const P& process, const E& event) {
  { P::key_of(event) } -> std::convertible_to<std::string>;
  process.react(event);
};
template <typename P, typename List>
inline constexpr bool reacts_to_all = false;
template <typename P, typename... E>
inline constexpr bool reacts_to_all<P, events<E...>> = (reacts<P, E> && ...);
template <typename List>
inline constexpr bool encodable_all = false;
template <typename... C>
inline constexpr bool encodable_all<commands<C...>> = (Encodable<C> && ...);

}  // namespace detail::model

/// A state that turns its events into commands. `using starts = must::events<...>;` those that begin an instance,
/// `using commands = must::commands<...>;`, optional `using ends = must::events<...>;`.
///
/// For each of its events: `static std::string key_of(const E&)`, the instance; `react(const E&) const`, called after
/// apply, without side effects: returns commands, process_deadline, cancel_deadline, end_process, in any of the shapes
/// that be_translated_to_events returns events in. Optional: `refused(const C&, const must::error&) const` for a
/// command, and `on_deadline(std::string_view name) const`; they return the same.
template <typename P>
concept ProcessManager = State<P> && requires {
  typename P::starts;
  typename P::commands;
} && detail::model::reacts_to_all<P, typename P::events> && detail::model::encodable_all<typename P::commands>;

namespace detail::model {

template <typename E, typename List>
inline constexpr bool is_listed = false;
template <typename E, typename... Listed>
inline constexpr bool is_listed<E, events<Listed...>> = (std::is_same_v<E, Listed> || ...);
template <typename P, typename E>
constexpr bool ends_with() {
  if constexpr (requires { typename P::ends; })
    return is_listed<E, typename P::ends>;
  else
    return false;
}

template <typename P>
query process_query() {
  return query::of_types(all_names(typename P::events{}));
}
// What need not be the fault of the event: the store, or others that store at the same time.
inline bool may_pass(const failed_attempt& failed) {
  return failed.why.retryable || failed.why.code == error_code::outcome_unknown ||
         failed.why.code == error_code::version_conflict;
}
inline subscription_options one_lane(subscription_options options) {
  if (options.lanes != 1) kit::refuse_input("lanes", "is not 1: a process manager has one");
  if (options.on_failure.attempts == 1 && !options.on_failure.decide)
    options.on_failure.decide = [then = options.on_failure.then](const failed_attempt& failed) {
      return may_pass(failed) ? failure_action::retry : then;
    };
  return options;
}
template <typename... Option>
subscription_options subscription_options_in(const Option&... options) {
  subscription_options found;
  [[maybe_unused]] const auto take = [&](const auto& option) {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(option)>, subscription_options>) found = option;
  };
  (take(options), ...);
  return found;
}
template <typename Option>
auto unless_subscription_options(Option option) {
  if constexpr (std::is_same_v<Option, subscription_options>)
    return std::tuple<>();
  else
    return std::tuple<Option>(std::move(option));
}
template <typename... Option>
auto without_subscription_options(Option... options) {
  return std::tuple_cat(unless_subscription_options(std::move(options))...);
}

// Turns what react returns into a decision.
class process_decision {
 public:
  process_decision(process_decided& into, timestamp now) : into_(into), now_(now) {}
  void operator()(const process_deadline& deadline) {
    const auto after = std::clamp(deadline.after.microseconds, -longest_span, longest_span);
    into_.deadlines.push_back({deadline.name, {.microseconds = now_.microseconds + after, .digits = 6}});
  }
  void operator()(const cancel_deadline& deadline) { into_.cancelled.push_back(deadline.name); }
  void operator()(const end_process&) { into_.ended = true; }
  template <Encodable C>
  void operator()(const C& command) {
    constexpr auto name = pipeline::command_type<C>();
    into_.commands.push_back({std::string(name.data(), name.size()), codec<C>::encode(command)});
  }

 private:
  process_decided& into_;
  timestamp now_;
};

template <ProcessManager P, CellStorage S, typename... Option>
class process_runner : public following::hooks {
 public:
  using data_type = typename S::data_type;
  using event_type = recorded<data_type>;

  process_runner(S& storage, std::string name, Option... options)
      : storage_(&storage), name_(std::move(name)), options_(std::move(options)...) {
    kit::check_name("name", name_);
    if (name_.size() > 200) kit::refuse_input("name", "is longer than 200 bytes");
  }

  void operator()(const event_type& record) { on_event(record, typename P::events{}); }

  // Another may have followed meanwhile.
  void begin_run(const std::stop_token&) { deadlines_ = process_deadlines(name_); }
  // Fires the deadlines that have passed; says how long until the next.
  duration tick() {
    if constexpr (has_deadlines) {
      for (bool fired = true; fired;) {
        fired = false;
        deadlines_.catch_up(*storage_);
        while (const auto due = deadlines_.due(now())) {
          fire(*due);
          deadlines_.done(*due);
          fired = true;
        }
      }
      if (const auto next = deadlines_.next()) return duration{*next - now().microseconds};
    }
    return duration{longest_span};
  }

 private:
  static constexpr bool has_deadlines = requires(const P& process) { process.on_deadline(std::string_view()); };

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
    constexpr bool starts = is_listed<E, typename P::starts>;
    const process_trigger trigger{record.source + " " + record.id, record.position};
    follow(record, key, trigger, [&](const process_instance& instance, process_decided& to) {
      if (!starts && !instance.has_started()) return false;
      auto state = fold(instance);
      state.apply(event);
      pipeline::for_events<payload>(state.react(event), process_decision(to, now()));
      to.ended = to.ended || ends_with<P, E>();
      return true;
    });
  }
  [[nodiscard]] timestamp now() const { return timestamp{storage_->origin().clock->now().microseconds}; }
  [[nodiscard]] P fold(const process_instance& instance) const {
    P state;
    for (const auto& one : instance.decisions()) {
      if (one.what.position == 0) continue;
      static_cast<void>(
          storage_->read(query::all(), {.after = one.what.position - 1, .until = one.what.position},
                         [&](const event_type& record) { pipeline::apply_to(state, typename P::events{}, record); }));
    }
    return state;
  }

  // Decides, unless that was done, and does what is left to do of the decision.
  template <typename Decide>
  void follow(const event_type& cause, const std::string& key, const process_trigger& trigger, Decide&& decide) {
    for (;;) {
      auto instance = process_instance::load(*storage_, process_decided{.manager = name_, .key = key}.stream());
      if (instance.on(trigger.id) == nullptr) {
        if (instance.has_ended()) return;
        process_decided to{.manager = name_, .key = key, .trigger = trigger.id, .position = trigger.event};
        if (!decide(instance, to)) return;
        if (!store(cause, to, decision_id(key, trigger.id), instance.version())) continue;
        instance.add(decision_id(key, trigger.id), to);
      }
      return execute(cause, key, *instance.on(trigger.id));
    }
  }
  void execute(const event_type& cause, const std::string& key, const process_instance::decision& decided) {
    for (std::uint32_t i = 0; i < decided.what.commands.size(); ++i) {
      const auto& command = decided.what.commands[i];
      const auto known = decided.outcomes.find(i);
      auto outcome = known == decided.outcomes.end() ? run(cause, key, decided, i) : known->second;
      if (!outcome.refused.empty())
        on_refused(cause, key, command, outcome, decided.id + "/" + std::to_string(i), typename P::commands{});
    }
  }
  process_outcome run(const event_type& cause, const std::string& key, const process_instance::decision& decided,
                      std::uint32_t index) {
    process_outcome outcome{.manager = name_, .key = key, .decision = decided.id, .index = index};
    run_command_of(cause, decided, index, outcome, typename P::commands{});
    if (store(cause, outcome, uuid8(source(), "must.process.outcome", decided.id, index), std::nullopt)) return outcome;
    const auto instance = process_instance::load(*storage_, outcome.stream());
    return instance.on(decided.what.trigger)->outcomes.at(index);
  }
  template <typename... C>
  void run_command_of(const event_type& cause, const process_instance::decision& decided, std::uint32_t index,
                      process_outcome& outcome, commands<C...>) {
    const auto& issued = decided.what.commands[index];
    const bool known = (run_command_as<C>(cause, decided, index, outcome) || ...);
    if (!known)
      raise({.code = error_code::codec_error,
             .message = "the process manager \"" + name_ + "\" has stored a command \"" + issued.type +
                        "\" that is none of its commands now",
             .type = issued.type});
  }
  template <typename C>
  bool run_command_as(const event_type& cause, const process_instance::decision& decided, std::uint32_t index,
                      process_outcome& outcome) {
    constexpr auto name = pipeline::command_type<C>();
    const auto& issued = decided.what.commands[index];
    if (issued.type != std::string_view(name)) return false;
    const auto done = std::apply(
        [&](const Option&... options) {
          return try_process_command(codec<C>::decode(issued.data), *storage_,
                                     identified_by{uuid8(source(), name_, decided.id, index)}, caused_by(cause),
                                     options...);
        },
        options_);
    if (done) return true;
    const auto& why = done.error();
    if (why.code != error_code::unauthorized && why.code != error_code::invalid) raise(why);
    outcome.refused = why.message.empty() ? "refused" : why.message;
    outcome.rule = why.rule;
    return true;
  }
  template <typename... C>
  void on_refused(const event_type& cause, const std::string& key, const issued_command& command,
                  const process_outcome& outcome, const std::string& trigger, commands<C...>) {
    (on_refused_as<C>(cause, key, command, outcome, trigger) || ...);
  }
  template <typename C>
  bool on_refused_as(const event_type& cause, const std::string& key, const issued_command& command,
                     const process_outcome& outcome, const std::string& trigger) {
    constexpr auto name = pipeline::command_type<C>();
    if (command.type != std::string_view(name)) return false;
    if constexpr (requires(const P& process, const C& one, const error& why) { process.refused(one, why); }) {
      follow(cause, key, {trigger, 0}, [&](const process_instance& instance, process_decided& to) {
        const auto code = outcome.rule == "be_authorized" ? error_code::unauthorized : error_code::invalid;
        const error why{.code = code, .message = outcome.refused, .rule = rule_named(outcome.rule)};
        pipeline::for_events<payload>(fold(instance).refused(codec<C>::decode(command.data), why),
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

  // --- deadlines ---
  void fire(const pending_deadline& due) {
    if constexpr (has_deadlines) {
      const auto cause = storage_->find(source(), due.decision);
      if (!cause) return;
      follow(*cause, due.key, {due.decision + "/" + due.name, 0},
             [&](const process_instance& instance, process_decided& to) {
               if (!instance.awaits(due.decision, due.name)) return false;
               pipeline::for_events<payload>(fold(instance).on_deadline(std::string_view(due.name)),
                                             process_decision(to, now()));
               return true;
             });
    }
  }

  // --- what is stored ---
  [[nodiscard]] const std::string& source() const { return storage_->origin().source; }
  [[nodiscard]] std::string decision_id(const std::string& key, const std::string& trigger) const {
    return uuid8(source(), "must.process.decided/" + name_ + "@" + std::to_string(schema_version<P>),
                 key + ' ' + trigger, 0);
  }
  static metadata caused_by(const event_type& cause) {
    const auto found = cause.extensions.find(std::string_view("correlationid"));
    metadata made;
    made.entries.emplace("causationid", cause.id);
    made.entries.emplace("correlationid", found == cause.extensions.end() ? attribute_value(cause.id) : found->second);
    return made;
  }
  // False when something else was stored in the stream since `expected`.
  template <typename E>
  bool store(const event_type& cause, const E& event, std::string id, std::optional<must::version> expected) {
    const auto caused = caused_by(cause);
    const pipeline::event_context context{storage_->origin(), storage_->origin().clock->now(), {}, &caused.entries};
    auto record = must::detail::pipeline::make_event<data_type>(event, context);
    record.id = std::move(id);
    append_condition condition;
    if (expected) condition.streams.push_back(stream_expectation::exactly(record.subject, *expected));
    try {
      return storage_->append(std::span(&record, 1), condition).stored();
    } catch (const duplicate_id&) {
      return false;
    }
  }

  S* storage_;
  std::string name_;
  std::tuple<Option...> options_;
  process_deadlines deadlines_{name_};
};

}  // namespace detail::model
}  // namespace must

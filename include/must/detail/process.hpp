// SPDX-License-Identifier: MIT
// The pipeline behind process_command: read, fold, decide, append, again on a conflict, handle.
#pragma once

#include "must/command.hpp"
#include "must/detail/decide.hpp"
#include "must/detail/fold.hpp"
#include "must/detail/identity.hpp"
#include "must/detail/make_event.hpp"
#include "must/detail/names.hpp"
#include "must/detail/rule.hpp"
#include "must/detail/translate.hpp"
#include "must/detail/validate.hpp"
#include "must/detail/wait.hpp"
#include "must/error.hpp"
#include "must/observer.hpp"
#include "must/options.hpp"
#include "must/processed.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/result.hpp"
#include "must/storage.hpp"

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace must::detail {

template <typename Option>
inline constexpr bool is_own_option = std::is_same_v<Option, metadata> || std::is_same_v<Option, retries> ||
                                      std::is_same_v<Option, deadline> || std::is_same_v<Option, identified_by>;

// The options that the rules get: all but must's own.
template <typename Kept, typename... Option>
struct keep_rule_options {
  using type = Kept;
};
template <typename... Kept, typename First, typename... Rest>
struct keep_rule_options<list<Kept...>, First, Rest...>
    : keep_rule_options<std::conditional_t<is_own_option<First>, list<Kept...>, list<Kept..., First>>, Rest...> {};
template <typename... Option>
using rule_options = typename keep_rule_options<list<>, Option...>::type;

struct settings {
  const attributes* metadata = nullptr;
  retries attempts{};
  deadline until{};
  std::optional<command_identity> identity{};

  void take(const must::metadata& all) { metadata = &all.entries; }
  void take(const retries& count) { attempts = count; }
  void take(const deadline& limit) { until = limit; }
  template <typename Option>
  void take(const Option&) {}
};

template <typename... Option>
settings settings_of(const Option&... options) {
  settings all;
  (all.take(options), ...);
  return all;
}

template <typename C, typename Option>
void identify_by(settings& all, const C& command, const Option& option) {
  if constexpr (std::is_same_v<Option, identified_by>) all.identity = identity_of(command, option.id);
}

template <typename Option>
auto rule_option(const Option& option) {
  if constexpr (is_own_option<Option>)
    return std::tuple<>();
  else
    return std::tuple<const Option&>(option);
}

// Calls `run(options...)` with the options that are not must's own.
template <typename Run, typename... Option>
decltype(auto) with_rule_options(Run&& run, const Option&... options) {
  return std::apply(run, std::tuple_cat(rule_option(options)...));
}

template <typename C, typename Data, typename Options>
consteval auto find_event_type() {
  using states = states_of<C, Options>;
  using chain = rule_chain<C, states, Options>;
  if constexpr (chain::fits) {
    using returned = rule_result<be_translated_to_events_rule, typename chain::translated, states, Options>;
    if constexpr (!std::is_void_v<returned>) {
      using held = typename events_holder<typename leaves<list<>, std::remove_cvref_t<returned>, Data>::type>::type;
      if constexpr (std::is_class_v<held>)
        return list<held>{};
      else
        return list<std::monostate>{};
    } else {
      return list<std::monostate>{};
    }
  } else {
    return list<std::monostate>{};
  }
}
template <typename Event>
Event only_of(list<Event>);

template <typename S>
struct data_of {
  using type = payload;
};
template <Storage S>
struct data_of<S> {
  using type = typename S::data_type;
};

// What processed holds for this call: an event type, or a variant of them. A class, so that compilers do not spell it
// out.
template <typename C, typename S, typename... Option>
struct processed_by {
  using type = decltype(only_of(find_event_type<C, typename data_of<S>::type, rule_options<Option...>>()));
};
template <typename C, typename S, typename... Option>
using processed_event = typename processed_by<C, S, Option...>::type;

template <typename Event, typename... Option>
void handle(const Event& event, std::vector<std::exception_ptr>& errors, const Option&... options) {
  constexpr auto handler = chosen<be_handled_rule, Event, list<>, list<Option...>>;
  static_assert(handler.source == rule_source::none || handler.callable(),
                "must: be_handled of the event takes neither (options...) nor (): make it a const member that does");
  static_assert(!is_forbidden(handler),
                "must: be_handled of the event comes from command_traits<must::any>, and MUST_FORBID_FALLBACKS forbids "
                "that: give the event one of its own");
  if constexpr (handler.callable()) {
    try {
      call_rule<be_handled_rule>(event, std::tuple<>{}, options...);
    } catch (...) {
      errors.push_back(std::current_exception());
    }
  }
}

template <typename Held, typename Use>
void with_held(const Held& held, Use&& use) {
  if constexpr (is_variant<Held>)
    std::visit(use, held);
  else
    use(held);
}

template <typename Held>
struct types_held {
  using type = list<Held>;
};
template <typename... Event>
struct types_held<std::variant<Event...>> {
  using type = list<Event...>;
};

template <typename Held, typename Data, typename... Event>
void hold(std::vector<Held>& events, const recorded<Data>& record, list<Event...>) {
  const bool known = (with_event<Event>(record, [&](const Event& event) { events.push_back(Held(event)); }) || ...);
  if (!known)
    raise_undecodable(record.id, record.type, record.position, error_code::codec_error,
                      "the command was translated to it once, and is to other types now");
}

// Runs out at the deadline; to the precision of the coarse clock, which costs next to nothing.
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

// Gives the records their ids; those of a command with an id follow from it.
template <typename Data>
void name_records(std::vector<basic_event<Data>>& records, const std::optional<command_identity>& identity,
                  const event_context& context) {
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (!identity) {
      records[i].id = context.origin.ids->next(context.now);
      continue;
    }
    records[i].id = identity->event_id(context.origin.source, i);
    identity->stamp(records[i].extensions, i, records.size());
  }
}

// Appends; an unknown outcome is resolved by the same append again, until the deadline.
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

// What a command was translated to: records for the store, and the events for the caller.
template <typename Data, typename Held>
struct decided {
  event_context context;
  std::vector<basic_event<Data>> records{};
  std::vector<Held> events{};

  template <typename Value>
  void operator()(Value&& value) {
    for_events<Data>(std::forward<Value>(value), [this](auto&& event) {
      records.push_back(make_event<Data>(std::as_const(event), context));
      events.push_back(Held(std::forward<decltype(event)>(event)));
    });
  }
};

// A command's own part of the pipeline, so that the rest is compiled once a store and event type, not once a command:
// brings the states up to date, and runs the rules.
template <typename Storage, typename Held>
class attempt {
 public:
  using sink = decided<typename Storage::data_type, Held>;

  template <typename Decide>
  attempt(Decide& decide, const append_condition& condition)
      : self_(&decide), decide_(&decide_by<Decide>), condition_(condition) {}
  [[nodiscard]] bool decide(Storage& storage, sink& to, why_not& no) const { return decide_(self_, storage, to, no); }
  [[nodiscard]] const append_condition& condition() const { return condition_; }

 private:
  template <typename Decide>
  static bool decide_by(void* self, Storage& storage, sink& to, why_not& no) {
    return (*static_cast<Decide*>(self))(storage, to, no);
  }
  void* self_;
  bool (*decide_)(void* self, Storage& storage, sink& to, why_not& no);
  const append_condition& condition_;
};

// The pipeline behind a command's own part.
template <typename Storage, typename Held>
class pipeline {
 public:
  using data_type = typename Storage::data_type;
  using sink = decided<data_type, Held>;

  pipeline(Storage& storage, const settings& how) : storage_(storage), how_(how), clock_(how.until) {
    if (how.metadata != nullptr) check_metadata(*how.metadata);
    if (how.identity) check_name("identified_by", how.identity->id);
  }

  // The result of an earlier run of the command; nothing when there was none.
  [[nodiscard]] std::optional<processed<Held>> replay(const command_identity& identity) const {
    const auto records = find_repeat(storage_, identity);
    if (records.empty()) return std::nullopt;
    processed<Held> done;
    done.replayed = true;
    done.first = records.front().position;
    done.last = records.back().position;
    for (const auto& record : records) hold(done.events, record, typename types_held<Held>::type{});
    return done;
  }

  [[nodiscard]] result<processed<Held>> run(const attempt<Storage, Held>& attempt,
                                            const std::optional<command_identity>& identity) {
    processed<Held> done;
    why_not no;
    sink to{event_context{storage_.origin(), {}, {}, how_.metadata}};
    for (;;) {
      ++done.attempts;
      to.records.clear();
      to.events.clear();
      to.context.now = storage_.origin().clock->now();
      const bool passed = attempt.decide(storage_, to, no);
      if (!passed || to.records.empty()) {
        // The states may hold what a repeat that ran at the same time has stored.
        if (identity)
          if (auto repeat = replay(*identity)) return *std::move(repeat);
        if (!passed) return unexpected<error>(*std::move(no));
        return done;
      }
      name_records(to.records, identity, to.context);
      try {
        const auto stored = append_surely(storage_, to.records, attempt.condition(), clock_);
        if (stored) {
          done.first = stored->first;
          done.last = stored->last;
          done.events = std::move(to.events);
          return done;
        }
        const auto& why = stored.why();
        if (why.failed == conflict::part::stream || done.attempts >= how_.attempts.count || clock_.is_over())
          return unexpected<error>(give_up(why, done.attempts));
      } catch (const duplicate_id&) {
        if (!identity) throw;
        if (auto repeat = replay(*identity)) return *std::move(repeat);
        throw;
      }
      back_off(done.attempts);
    }
  }

 private:
  Storage& storage_;
  const settings& how_;
  stopwatch clock_;
};

// Whether any of the events has a be_handled that these options could reach.
template <typename... Event, typename... Option>
consteval bool any_is_handled(list<Event...>, list<Option...>) {
  return ((chosen<be_handled_rule, Event, list<>, list<Option...>>.source != rule_source::none) || ...);
}

template <typename Held>
result<processed<Held>> failed(const exception& why) {
  return unexpected<error>(why.error());
}

// Runs a command that has no past, no id of its own and no handlers: all but its rules is compiled once.
template <typename S, typename Held>
result<processed<Held>> run_simple(S& storage, const settings& how, const attempt<S, Held>& attempt) {
  try {
    pipeline<S, Held> pipeline(storage, how);
    if (how.identity)
      if (auto repeat = pipeline.replay(*how.identity)) return *std::move(repeat);
    return pipeline.run(attempt, how.identity);
  } catch (const exception& why) {
    return failed<Held>(why);
  }
}
inline const append_condition no_condition{};

template <typename C, typename Held, typename... Option>
inline constexpr bool is_simple =
    chosen<depends_on_rule, C, list<>, list<Option...>>.source == rule_source::none && !names_itself<C, Option...> &&
    !any_is_handled(typename types_held<Held>::type{}, list<Option...>{});

// Runs a command that has passed every check at compile time.
template <typename Held, typename C, typename S, typename... Option>
result<processed<Held>> run_command(const C& command, S& storage, const settings& how, const Option&... options) {
  using sink = decided<typename S::data_type, Held>;
  if constexpr (is_simple<C, Held, Option...>) {
    auto decide = [&](S&, sink& to, why_not& no) { return run_rules(no, command, std::tuple<>{}, to, options...); };
    return run_simple<S, Held>(storage, how, {decide, no_condition});
  } else {
    try {
      pipeline<S, Held> pipeline(storage, how);
      auto identity = how.identity;
      if constexpr (names_itself<C, Option...>)
        if (!identity) identity = identify(command, options...);
      if (identity)
        if (auto repeat = pipeline.replay(*identity)) return *std::move(repeat);
      auto folding = make_folding<typename S::data_type>(command, options...);
      auto decide = [&](S& from, sink& to, why_not& no) {
        folding.catch_up(from);
        if (const auto mismatch = folding.mismatch()) {
          no = to_error(*mismatch);
          return false;
        }
        to.context.stream = folding.only_stream();
        return run_rules(no, command, folding.states(), to, options...);
      };
      auto done = pipeline.run({decide, folding.condition()}, identity);
      if (done) folding.keep(storage);
      if constexpr (any_is_handled(typename types_held<Held>::type{}, list<Option...>{}))
        if (done && !done->replayed)
          for (const auto& held : done->events)
            with_held(held, [&](const auto& event) { handle(event, done->handler_errors, options...); });
      return done;
    } catch (const exception& why) {
      return failed<Held>(why);
    }
  }
}

template <typename Held, typename C, typename S, typename... Option>
result<processed<Held>> run_with_rule_options(const C& command, S& storage, const settings& how,
                                              const Option&... options) {
  if constexpr ((is_own_option<Option> || ...))
    return with_rule_options([&](const auto&... kept) { return run_command<Held>(command, storage, how, kept...); },
                             options...);
  else
    return run_command<Held>(command, storage, how, options...);
}

template <typename C>
operation operation_of() {
  constexpr auto name = type_of_command<C>();
  return {.kind = operation_kind::command, .type = std::string_view(name.data(), name.size())};
}

template <typename Held>
processed<Held> value_or_raise(result<processed<Held>>&& done) {
  if (!done) raise(std::move(done).error());
  return *std::move(done);
}

}  // namespace must::detail

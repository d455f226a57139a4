// SPDX-License-Identifier: MIT
// The part of process_command that depends on the command, and how it meets the pipeline.
#pragma once

#include "must/command/rule.hpp"
#include "must/detail/current_error.hpp"
#include "must/detail/names.hpp"
#include "must/error.hpp"
#include "must/event.hpp"
#include "must/observer.hpp"
#include "must/options.hpp"
#include "must/process_command/check_event.hpp"  // IWYU pragma: keep (a short way to what it tells)
#include "must/process_command/decide.hpp"
#include "must/process_command/diagnose.hpp"
#include "must/process_command/fold.hpp"
#include "must/process_command/identity.hpp"
#include "must/process_command/make_event.hpp"
#include "must/process_command/pipeline.hpp"
#include "must/process_command/settings.hpp"
#include "must/process_command/told.hpp"
#include "must/process_command/translate.hpp"
#include "must/processed.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/result.hpp"
#include "must/storage.hpp"
#include "must/storage/kit/observe.hpp"

#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace must::detail::pipeline {

template <typename Event, typename... Option>
void handle(const Event& event, std::vector<std::exception_ptr>& errors, const Option&... options) {
  constexpr auto handler = rules::chosen<rules::be_handled_rule, Event, list<>, list<Option...>>;
  static_assert(handler.source == rules::rule_source::none || handler.callable(),
                "must: be_handled of the event takes neither (options...) nor (): make it a const member that does");
  static_assert(!rules::is_forbidden(handler),
                "must: be_handled of the event comes from command_traits<must::any>, and MUST_FORBID_FALLBACKS forbids "
                "that: give the event one of its own");
  if constexpr (handler.callable()) {
    try {
      rules::call_rule<rules::be_handled_rule>(event, std::tuple<>{}, options...);
    } catch (...) {
      errors.push_back(std::current_exception());
    }
  }
}

template <typename Held, typename Use>
void with_held(const Held& held, Use&& use) {
  if constexpr (is_made_of<Held, std::variant>)
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
  const bool known =
      (coding::with_event<Event>(record, [&](const Event& event) { events.push_back(Held(event)); }) || ...);
  if (!known)
    coding::raise_undecodable(record.id, record.type, record.position, error_code::codec_error,
                              "the command was translated to it once, and is to other types now");
}

// Takes the events of a command, as records for the store and as they are for the caller.
template <typename Data, typename Held>
struct taking {
  decision<Data>& to;

  // Takes the events of what be_translated_to_events returned. One event, as most commands return, spares compilers a
  // vector that grows.
  template <typename Returned>
  void operator()(Returned&& returned) const {
    auto& events = *static_cast<std::vector<Held>*>(to.events);
    if constexpr (is_leaf<std::remove_cvref_t<Returned>, Data>) {
      std::vector<Held>(1, returned).swap(events);
      to.records.push_back(make_event<Data>(std::as_const(returned), to.context));
    } else {
      events.clear();
      for_events<Data>(std::forward<Returned>(returned), [&](auto&& event) {
        to.records.push_back(make_event<Data>(std::as_const(event), to.context));
        events.push_back(Held(std::forward<decltype(event)>(event)));
      });
    }
  }
};

// Whether any of the events has a be_handled that these options could reach.
template <typename... Event, typename... Option>
consteval bool any_is_handled(list<Event...>, list<Option...>) {
  return ((rules::chosen<rules::be_handled_rule, Event, list<>, list<Option...>>.source != rules::rule_source::none) ||
          ...);
}

// Whether a command that is processed without options has no past, no identity and no handler.
template <typename C, typename Held>
inline constexpr bool is_alone =
    rules::chosen<rules::depends_on_rule, C, list<>, list<>>.source == rules::rule_source::none &&
    rules::chosen<rules::command_id_rule, C, list<>, list<>>.source == rules::rule_source::none &&
    !any_is_handled(typename types_held<Held>::type{}, list<>{});

// Brings the past of a command up to date. Returns whether it is as at_version and expected_version have it.
template <typename Past, typename S, typename Data>
bool catch_up(Past& past, S& storage, decision<Data>& to) {
  if (to.starts_over) past.start_over();
  past.catch_up(storage);
  to.context.stream = past.only_stream();
  if (!to.context.stream.empty()) {
    to.seen = past.version_of(to.context.stream);
    if (to.expected && !to.seen) to.seen = storage.version(to.context.stream);
  }
  auto mismatch = past.mismatch();
  if (!mismatch) mismatch = to.mismatch();
  if (mismatch) to.rules.no = to_error(*mismatch);
  return !mismatch;
}

// Whether a command says that its events may lie outside of the boundaries of its depends_on.
template <typename C>
constexpr bool appends_outside() {
  if constexpr (requires { bool(C::appends_outside); })
    return C::appends_outside;
  else if constexpr (requires { bool(command_traits<C>::appends_outside); })
    return command_traits<C>::appends_outside;
  else
    return false;
}

// A command, and what its rules are called with.
template <typename S, typename C, typename Held, typename Past, typename... Option>
struct own_rules {
  using data_type = typename S::data_type;
  const C& command;
  Past past;
  std::tuple<const Option&...> options;

  static bool decide(void* self, S& storage, decision<data_type>& to) {
    auto& own = *static_cast<own_rules*>(self);
    if (!catch_up(own.past, storage, to)) return false;
    const taking<data_type, Held> take{to};
    const bool passed = std::apply(
        [&](const Option&... each) { return run_rules(to.rules, own.command, own.past.states(), take, each...); },
        own.options);
    if constexpr (!appends_outside<C>())
      if (passed) own.past.check_inside(to.records);
    return passed;
  }
};

template <typename Data, typename Held>
void take_up(void* events, const std::vector<recorded<Data>>& records) {
  auto& held = *static_cast<std::vector<Held>*>(events);
  held.clear();
  for (const auto& record : records) hold(held, record, typename types_held<Held>::type{});
}

// Says that the events of a command are stored, though its state cannot be told: who tries again stores them twice.
[[noreturn]] inline void raise_untold(error why, const processed_command& done) {
  if (done.last != 0) {
    why.message = "the events of the command are stored at positions " + std::to_string(done.first) + " to " +
                  std::to_string(done.last) + ", and its state cannot be told: " + why.message;
    why.retryable = false;
    using enum error_code;
    if (why.code == unauthorized || why.code == invalid || why.code == version_conflict)
      why.code = storage_error;  // A refused command has stored nothing.
  }
  raise(std::move(why));
}
// Tells the states as they are at the last event of the command.
template <typename Past, typename S, typename Held, typename State>
void tell_state(Past&& past, S& storage, processed<Held, State>& done) {
  try {
    if (done.replayed)
      past.fold_anew(storage, done.last);
    else if (done.last != 0)
      past.fold_on(storage, done.last);
    std::apply([&](const auto&... state) { done.state = State(state...); }, past.states());
  } catch (...) {
    raise_untold(current_error("return_state"), done);
  }
}
// Keeps the states for the next command. The events are stored: what it throws is told beside them.
template <typename Past, typename S>
void keep_states(Past& past, S& storage, std::vector<std::exception_ptr>& errors) {
  try {
    past.keep(storage);
  } catch (...) {
    errors.push_back(std::current_exception());
  }
}

// Runs a command that has passed every check at compile time. `options` are those of the rules. `IsHandled` says
// whether be_handled of its events runs.
template <bool HasIdentity, bool IsHandled, typename C, typename S, typename Held, typename State, typename... Option>
why_not run_command(const C& command, S& storage, processed<Held, State>& done, const settings& how,
                    const Option&... options) {
  using data_type = typename S::data_type;
  using options_list = list<Option...>;
  constexpr bool names_itself =
      rules::chosen<rules::command_id_rule, C, list<>, options_list>.source != rules::rule_source::none;
  constexpr bool is_handled = IsHandled && any_is_handled(typename types_held<Held>::type{}, options_list{});
  try {
    pipeline<S> pipeline(storage, how, done);
    auto identity = how.identity;
    if constexpr (names_itself)
      if (!identity) identity = identify(command, options...);
    own_part<S> part{.events = &done.events};
    if constexpr (names_itself || HasIdentity) {
      part.identity = &*identity;
      part.take_up = &take_up<data_type, Held>;
      if (pipeline.replay(part)) {
        if constexpr (!std::is_void_v<State>) tell_state(make_folding<data_type>(command, options...), storage, done);
        return std::nullopt;
      }
    }
    using past_type = decltype(make_folding<data_type>(command, options...));
    own_rules<S, C, Held, past_type, Option...> own{
        command, make_folding<data_type>(command, options...), {options...}};
    part.decide = &own.decide;
    part.self = &own;
    part.condition = &own.past.condition();
    if (auto no = pipeline.run(part)) return no;
    keep_states(own.past, storage, done.handler_errors);
    if constexpr (is_handled)
      if (!done.replayed)
        for (const auto& held : done.events)
          with_held(held, [&](const auto& event) { handle(event, done.handler_errors, options...); });
    if constexpr (!std::is_void_v<State>) tell_state(own.past, storage, done);
    return std::nullopt;
  } catch (const exception& why) {
    return why.error();
  }
}

// Says that a command can be about no stream, where the caller expects a version of its stream.
template <typename C, typename... Event, typename... Option>
consteval void diagnose_expected_version(list<Event...>, list<Option...>) {
  constexpr bool may_have_stream = rules::chosen<rules::depends_on_rule, C, list<>, list<Option...>>.callable() ||
                                   ((stream_is_data<Event> || stream_is_function<Event>) || ...);
  static_assert(may_have_stream,
                "must: expected_version needs a command about one stream: it has no depends_on, and none of its events "
                "has a stream");
}

template <typename C>
operation operation_of() {
  constexpr auto name = type_of_command<C>();
  return {.kind = operation_kind::command, .type = std::string_view(name.data(), name.size())};
}

// Runs a command with options of `must` itself, or one that has more to it than its rules.
template <bool IsHandled = true, typename C, typename S, typename Held, typename State, typename... Option>
why_not run_with_settings(const C& command, S& storage, processed<Held, State>& done, const Option&... options) {
  static_assert(!asks_for_state<Option...> || !std::is_void_v<State>,
                "must: return_state needs a command with depends_on: this one has no state");
  if constexpr ((std::is_same_v<Option, expected_version> || ...))
    diagnose_expected_version<C>(typename types_held<Held>::type{}, rule_options<Option...>{});
  auto how = settings_of(options...);
  (identify_by(how, command, options), ...);
  const auto run = [&](const auto&... kept) {
    return run_command<(std::is_same_v<Option, identified_by> || ...), IsHandled>(command, storage, done, how, kept...);
  };
  if constexpr (kit::is_observed<S>)
    return kit::observe(storage.observer(), operation_of<C>(), [&] { return with_rule_options(run, options...); });
  else
    return with_rule_options(run, options...);
}

// The form in which the caller learns what became of a command. It is filled in place.
struct by_exception {
  template <typename Event, typename State = void>
  using type = processed<Event, State>;
  template <typename Event, typename State>
  static processed<Event, State>& done(processed<Event, State>& told) {
    return told;
  }
  [[noreturn]] static void refuse(processed_command&, error&& no) { raise(std::move(no)); }
};
struct by_result {
  template <typename Event, typename State = void>
  using type = result<processed<Event, State>>;
  template <typename Event, typename State>
  static processed<Event, State>& done(result<processed<Event, State>>& told) {
    return *told;
  }
  template <typename Event, typename State>
  static void refuse(result<processed<Event, State>>& told, error&& no) {
    told = unexpected<error>(std::move(no));
  }
};

// Runs a command that is_alone, as most are. Its rules are its own. The rest is one function for all that come to the
// same events, and one for the store.
template <typename S, typename C, typename Held>
bool decide_alone(void* self, S&, decision<typename S::data_type>& to) {
  const taking<typename S::data_type, Held> take{to};
  return run_rules(to.rules, **static_cast<const C**>(self), std::tuple<>(), take);
}
template <typename S>
why_not run_alone(S& storage, processed_command& done, const own_part<S>& part) {
  try {
    const settings how;
    return pipeline<S>(storage, how, done).run(part);
  } catch (const exception& why) {
    return why.error();
  }
}
template <typename Told, typename Event, typename S>
auto run_alone(S& storage, decltype(own_part<S>::decide) decide, void* self) {
  typename Told::template type<Event> told;
  auto& done = Told::done(told);
  if (auto no = run_alone<S>(storage, done, {decide, self, &done.events})) Told::refuse(told, *std::move(no));
  return told;
}

// Whether the first two arguments are a command and a store that can be written to.
template <typename C, typename S>
consteval bool diagnose_arguments() {
  using store = std::remove_reference_t<S>;
  constexpr bool is_swapped = Storage<C> && !Storage<store>;
  constexpr bool is_storage = Storage<store> || is_swapped;
  constexpr bool outlives = !is_storage || is_swapped || std::is_lvalue_reference_v<S>;
  static_assert(!is_swapped, "must: the command comes first: process_command(command, store, options...)");
  static_assert(is_storage, "must: the second argument is not a Storage");
  static_assert(outlives, "must: the store is a temporary, and its events would end with it: give it a name");
  return !is_swapped && is_storage && outlives;
}

template <typename Told>
struct process_command_t {
  template <typename C, typename S, typename... Option>
  auto operator()(const C& command, S&& storage, const Option&... options) const ->
      typename Told::template type<processed_event<C, std::remove_reference_t<S>, Option...>,
                                   processed_state<C, Option...>> {
    using store = std::remove_reference_t<S>;
    using event_type = processed_event<C, store, Option...>;
    if constexpr (!diagnose_arguments<C, S>()) {
      return {};
    } else if constexpr (!is_good<C, typename store::data_type, rule_options<Option...>>) {
      return {};
    } else if constexpr (sizeof...(Option) == 0 && !kit::is_observed<store> && is_alone<C, event_type>) {
      const C* self = &command;
      return run_alone<Told, event_type>(storage, &decide_alone<store, C, event_type>, &self);
    } else {
      typename Told::template type<event_type, processed_state<C, Option...>> told;
      if (auto no = run_with_settings(command, storage, Told::done(told), options...))
        Told::refuse(told, *std::move(no));
      return told;
    }
  }
};

}  // namespace must::detail::pipeline

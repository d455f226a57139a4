// SPDX-License-Identifier: MIT
// The sentences that say why a command does not compile.
#pragma once

#include "must/command.hpp"
#include "must/command/rule.hpp"
#include "must/decision.hpp"
#include "must/detail/names.hpp"
#include "must/process_command/translate.hpp"

#include <type_traits>

namespace must::detail::pipeline {

template <typename Rule, typename C, typename... State, typename... Option>
consteval bool only_lacks_const(list<State...>, list<Option...>) {
  if constexpr (!Rule::template is_member<C>)
    return false;
  else
    return Rule::template is_callable_if_not_const<C, State..., Option...> ||
           Rule::template is_callable_if_not_const<C, Option...> ||
           Rule::template is_callable_if_not_const<C, State...> || Rule::template is_callable_if_not_const<C>;
}

// Whether a rule would fit if what it is called with were not const.
template <typename Rule, typename C, typename... State, typename... Option>
consteval bool only_takes_mutable(list<State...>, list<Option...>) {
  if constexpr (!Rule::template is_member<C>)
    return false;
  else
    return Rule::template takes_mutable<C, State..., Option...> || Rule::template takes_mutable<C, Option...> ||
           Rule::template takes_mutable<C, State...>;
}
// Whether a member cannot be named from here: it is private, or it has overloads or is a template.
template <typename Rule, typename C>
consteval bool is_out_of_reach() {
  if constexpr (Rule::template is_member<C>)
    return !Rule::template is_nameable<C>;
  else
    return false;
}

// What is wrong with a rule. At most one of these is true.
template <typename Rule, typename C, typename States, typename Options>
struct rule_fault {
  static constexpr auto choice = rules::chosen<Rule, C, States, Options>;
  static constexpr bool is_missing = choice.source == rules::rule_source::none;
  static constexpr bool is_unfit = !is_missing && !choice.callable();
  static constexpr bool lacks_const = is_unfit && only_lacks_const<Rule, C>(States{}, Options{});
  static constexpr bool wants_mutable = is_unfit && !lacks_const && only_takes_mutable<Rule, C>(States{}, Options{});
  static constexpr bool is_hidden = is_unfit && !lacks_const && !wants_mutable && is_out_of_reach<Rule, C>();
  static constexpr bool misfits = is_unfit && !lacks_const && !wants_mutable && !is_hidden;
  static constexpr bool is_prototype = !is_missing && rules::is_forbidden(choice);
  static constexpr bool none = choice.callable() && !is_prototype;
};

// Whether a type has any rule that could run after the one that returned it. A class without one is no command.
template <typename C, typename States, typename Options>
inline constexpr bool could_be_command =
    rules::chosen<rules::be_valid_rule, C, States, Options>.source != rules::rule_source::none ||
    rules::chosen<rules::be_translated_to_events_rule, C, States, Options>.source != rules::rule_source::none ||
    rules::chosen<rules::depends_on_rule, C, list<>, Options>.source != rules::rule_source::none;
template <typename Step, typename States, typename Options>
inline constexpr bool refines_to_no_command = Step::refines && !could_be_command<typename Step::next, States, Options>;
// The command in which the next rule is looked for.
template <typename Step, typename C, typename States, typename Options>
using command_after = std::conditional_t<refines_to_no_command<Step, States, Options>, C, typename Step::next>;

// What is wrong with what a rule returns. Word is the verdict of the other rule.
template <typename Returned, typename Word, bool Fits>
struct verdict_fault {
  static constexpr bool is_other_word = std::is_same_v<Returned, Word>;
  static constexpr bool is_none = !Fits && !is_other_word;
};

// The sentences follow. Macros make the texts alone, since an assertion in a macro costs the reader two notes more.
#define MUST_DETAIL_IS_MISSING(NAME) "must: the command has no " NAME "(states..., options...): add a const member"
#define MUST_DETAIL_LACKS_CONST(NAME) \
  "must: " NAME " of the command is not const: a rule changes nothing, make it const"
#define MUST_DETAIL_MISFITS(NAME)                                                                               \
  "must: " NAME                                                                                                 \
  " of the command takes neither (states..., options...), (options...), (states...) nor (): it decides alone, " \
  "so make its parameters fit"
#define MUST_DETAIL_WANTS_MUTABLE(NAME)                                                                         \
  "must: " NAME                                                                                                 \
  " of the command takes a parameter by reference to non-const, and gets states and options as const: take it " \
  "by const&; a service that changes travels as std::ref"
#define MUST_DETAIL_IS_HIDDEN(NAME)                                                                           \
  "must: " NAME                                                                                               \
  " of the command cannot be called: make it public if it is private; if it has overloads or is a template, " \
  "make one fit (states..., options...), (options...), (states...) or ()"
#define MUST_DETAIL_IS_PROTOTYPE(NAME)                                                                      \
  "must: " NAME                                                                                             \
  " of the command comes from command_traits<must::any>, and MUST_FORBID_FALLBACKS forbids that: give the " \
  "command a rule of its own"
#define MUST_DETAIL_IS_NO_VERDICT(NAME) \
  "must: " NAME " returns neither void, bool, must::refusal, must::result<void>, a command nor a must::result of one"

template <typename C, typename States, typename Options>
consteval bool diagnose_be_authorized() {
  using fault = rule_fault<rules::be_authorized_rule, C, States, Options>;
  static_assert(!fault::is_missing, MUST_DETAIL_IS_MISSING("be_authorized"));
  static_assert(!fault::lacks_const, MUST_DETAIL_LACKS_CONST("be_authorized"));
  static_assert(!fault::wants_mutable, MUST_DETAIL_WANTS_MUTABLE("be_authorized"));
  static_assert(!fault::is_hidden, MUST_DETAIL_IS_HIDDEN("be_authorized"));
  static_assert(!fault::misfits, MUST_DETAIL_MISFITS("be_authorized"));
  static_assert(!fault::is_prototype, MUST_DETAIL_IS_PROTOTYPE("be_authorized"));
  return fault::none;
}
template <typename Returned, bool Fits>
consteval bool diagnose_verdict_of_be_authorized() {
  using fault = verdict_fault<Returned, always_t, Fits>;
  static_assert(!fault::is_other_word,
                "must: be_authorized is must::always: that is be_valid's word, write must::anyone");
  static_assert(!fault::is_none, MUST_DETAIL_IS_NO_VERDICT("be_authorized"));
  return Fits;
}
template <typename C, typename States, typename Options>
consteval bool diagnose_be_valid() {
  using fault = rule_fault<rules::be_valid_rule, C, States, Options>;
  static_assert(!fault::is_missing, MUST_DETAIL_IS_MISSING("be_valid"));
  static_assert(!fault::lacks_const, MUST_DETAIL_LACKS_CONST("be_valid"));
  static_assert(!fault::wants_mutable, MUST_DETAIL_WANTS_MUTABLE("be_valid"));
  static_assert(!fault::is_hidden, MUST_DETAIL_IS_HIDDEN("be_valid"));
  static_assert(!fault::misfits, MUST_DETAIL_MISFITS("be_valid"));
  static_assert(!fault::is_prototype, MUST_DETAIL_IS_PROTOTYPE("be_valid"));
  return fault::none;
}
template <typename Returned, bool Fits>
consteval bool diagnose_verdict_of_be_valid() {
  using fault = verdict_fault<Returned, anyone_t, Fits>;
  static_assert(!fault::is_other_word,
                "must: be_valid is must::anyone: that is be_authorized's word, write must::always");
  static_assert(!fault::is_none, MUST_DETAIL_IS_NO_VERDICT("be_valid"));
  return Fits;
}
template <typename C, typename States, typename Options>
consteval bool diagnose_be_translated_to_events() {
  using fault = rule_fault<rules::be_translated_to_events_rule, C, States, Options>;
  static_assert(!fault::is_missing, MUST_DETAIL_IS_MISSING("be_translated_to_events"));
  static_assert(!fault::lacks_const, MUST_DETAIL_LACKS_CONST("be_translated_to_events"));
  static_assert(!fault::wants_mutable, MUST_DETAIL_WANTS_MUTABLE("be_translated_to_events"));
  static_assert(!fault::is_hidden, MUST_DETAIL_IS_HIDDEN("be_translated_to_events"));
  static_assert(!fault::misfits, MUST_DETAIL_MISFITS("be_translated_to_events"));
  static_assert(!fault::is_prototype, MUST_DETAIL_IS_PROTOTYPE("be_translated_to_events"));
  return fault::none;
}

#undef MUST_DETAIL_IS_MISSING
#undef MUST_DETAIL_LACKS_CONST
#undef MUST_DETAIL_MISFITS
#undef MUST_DETAIL_WANTS_MUTABLE
#undef MUST_DETAIL_IS_HIDDEN
#undef MUST_DETAIL_IS_PROTOTYPE
#undef MUST_DETAIL_IS_NO_VERDICT

// Returns whether a rule is there and fits. Its verdict is judged only where there is one.
template <typename C, typename States, typename Options>
consteval bool diagnose_rules() {
  using chain = rule_chain<C, States, Options>;
  constexpr auto is_own = [](const rules::rule_choice& choice) {
    return choice.source != rules::rule_source::fallback;
  };
  if constexpr (chain::fits && is_own(chain::authorize::choice) && is_own(chain::validate::choice) &&
                is_own(chain::translate)) {
    return true;
  } else {
    using authorize_step = typename chain::authorize;
    bool authorize = diagnose_be_authorized<C, States, Options>();
    if constexpr (authorize_step::choice.callable())
      authorize &= diagnose_verdict_of_be_authorized<typename authorize_step::returned,
                                                     authorize_step::fits &&
                                                         !refines_to_no_command<authorize_step, States, Options>>();
    using authorized = command_after<authorize_step, C, States, Options>;
    using validate_step = decision_step<rules::be_valid_rule, authorized, States, Options>;
    bool validate = diagnose_be_valid<authorized, States, Options>();
    if constexpr (validate_step::choice.callable())
      validate &=
          diagnose_verdict_of_be_valid<typename validate_step::returned,
                                       validate_step::fits && !refines_to_no_command<validate_step, States, Options>>();
    using translated = command_after<validate_step, authorized, States, Options>;
    return authorize & validate & diagnose_be_translated_to_events<translated, States, Options>();
  }
}

// Returns whether a rule refines C to a command that depends on something.
template <typename C, typename Refined, typename Options>
inline constexpr bool depends_late =
    !std::is_same_v<C, Refined> &&
    rules::chosen<rules::depends_on_rule, Refined, list<>, Options>.source != rules::rule_source::none;

// The states come only from the depends_on of the command that was given.
template <typename C, typename States, typename... Option>
consteval bool diagnose_dependencies(list<Option...>) {
  using options = list<Option...>;
  using chain = rule_chain<C, States, options>;
  constexpr auto choice = rules::chosen<rules::depends_on_rule, C, list<>, options>;
  constexpr bool misfit = choice.source != rules::rule_source::none && !choice.callable();
  constexpr bool option_is_state = (State<Option> || ...);
  constexpr bool late =
      choice.source == rules::rule_source::none && (depends_late<C, typename chain::authorize::next, options> ||
                                                    depends_late<C, typename chain::translated, options>);
  static_assert(!misfit, "must: depends_on of the command takes neither (options...) nor (): make it a const member");
  if constexpr (choice.callable()) {
    using returned = std::remove_cvref_t<rules::rule_result<rules::depends_on_rule, C, list<>, options>>;
    static_assert(
        is_dependency<returned>,
        "must: depends_on of the command returns none of must::stream, tagged, every, each, all_of nor an optional of "
        "the first three");
    if (!is_dependency<returned>) return false;
  }
  constexpr bool allowed = !rules::is_forbidden(choice);
  static_assert(
      allowed,
      "must: depends_on of the command comes from command_traits<must::any>, and MUST_FORBID_FALLBACKS forbids "
      "that: give the command a rule of its own");
  static_assert(!option_is_state, "must: an option is a state: states come from depends_on");
  static_assert(
      !late,
      "must: the command that a rule refines this one to has a depends_on, which would come too late: convert "
      "first, process_command(must::parse<Refined>(command), ...)");
  return !misfit && !option_is_state && !late && allowed;
}

// What a rule without parameters returns is an event, not events.
template <typename Rule, typename C, typename Data>
concept returns_leaf = is_leaf<rules::rule_result<Rule, C, list<>, list<>>, Data>;

template <typename C, typename Data, typename Options>
consteval bool diagnose_command() {
  using states = states_of<C, Options>;
  using chain = rule_chain<C, states, Options>;
  constexpr bool depends_well = diagnose_dependencies<C, states>(Options{});
  bool good = depends_well;
  if constexpr (depends_well) good &= diagnose_rules<C, states, Options>();
  if constexpr (chain::fits) {
    using returned =
        rules::rule_result<rules::be_translated_to_events_rule, typename chain::translated, states, Options>;
    static_assert(!std::is_void_v<returned>, "must: be_translated_to_events returns nothing: return an event");
    if constexpr (!std::is_void_v<returned>)
      good &= are_good<typename leaves<list<>, std::remove_cvref_t<returned>, Data>::type, Data>;
    else
      good = false;
  }
  return good;
}

// A command that is known to be good already, so that no sentence has to be looked for.
template <typename C, typename Data>
concept flawless =
    (rules::chosen<rules::depends_on_rule, C, list<>, list<>>.source == rules::rule_source::none) &&
    rule_chain<C, list<>, list<>>::is_plain && returns_leaf<rules::be_translated_to_events_rule, C, Data>;

template <typename C, typename Data, typename Options>
inline constexpr bool is_good = diagnose_command<C, Data, Options>();
template <typename C, typename Data>
  requires flawless<C, Data>
inline constexpr bool is_good<C, Data, list<>> =
    are_good<list<rules::rule_result<rules::be_translated_to_events_rule, C, list<>, list<>>>, Data>;

}  // namespace must::detail::pipeline

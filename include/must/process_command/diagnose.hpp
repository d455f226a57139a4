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

// What is wrong with a rule; at most one of these is.
template <typename Rule, typename C, typename States, typename Options>
struct rule_fault {
  static constexpr auto choice = rules::chosen<Rule, C, States, Options>;
  static constexpr bool is_missing = choice.source == rules::rule_source::none;
  static constexpr bool lacks_const = !choice.callable() && only_lacks_const<Rule, C>(States{}, Options{});
  static constexpr bool misfits = !is_missing && !lacks_const && !choice.callable();
  static constexpr bool is_prototype = !is_missing && rules::is_forbidden(choice);
  static constexpr bool none = choice.callable() && !is_prototype;
};

// What is wrong with what a rule returns: Word is that of the other rule.
template <typename Step, typename Word>
struct verdict_fault {
  static constexpr bool is_other_word = std::is_same_v<typename Step::returned, Word>;
  static constexpr bool is_none = !Step::fits && !is_other_word;
};

// The sentences. Macros make the texts alone: an assertion in a macro costs the reader two notes more.
#define MUST_DETAIL_IS_MISSING(NAME) "must: the command has no " NAME "(states..., options...): add a const member"
#define MUST_DETAIL_LACKS_CONST(NAME) \
  "must: " NAME " of the command is not const: a rule changes nothing, make it const"
#define MUST_DETAIL_MISFITS(NAME)                                                                               \
  "must: " NAME                                                                                                 \
  " of the command takes neither (states..., options...), (options...), (states...) nor (): it decides alone, " \
  "so make its parameters fit"
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
  static_assert(!fault::misfits, MUST_DETAIL_MISFITS("be_authorized"));
  static_assert(!fault::is_prototype, MUST_DETAIL_IS_PROTOTYPE("be_authorized"));
  return fault::none;
}
template <typename Step>
consteval bool diagnose_verdict_of_be_authorized() {
  using fault = verdict_fault<Step, always_t>;
  static_assert(!fault::is_other_word,
                "must: be_authorized is must::always: that is be_valid's word, write must::anyone");
  static_assert(!fault::is_none, MUST_DETAIL_IS_NO_VERDICT("be_authorized"));
  return Step::fits;
}
template <typename C, typename States, typename Options>
consteval bool diagnose_be_valid() {
  using fault = rule_fault<rules::be_valid_rule, C, States, Options>;
  static_assert(!fault::is_missing, MUST_DETAIL_IS_MISSING("be_valid"));
  static_assert(!fault::lacks_const, MUST_DETAIL_LACKS_CONST("be_valid"));
  static_assert(!fault::misfits, MUST_DETAIL_MISFITS("be_valid"));
  static_assert(!fault::is_prototype, MUST_DETAIL_IS_PROTOTYPE("be_valid"));
  return fault::none;
}
template <typename Step>
consteval bool diagnose_verdict_of_be_valid() {
  using fault = verdict_fault<Step, anyone_t>;
  static_assert(!fault::is_other_word,
                "must: be_valid is must::anyone: that is be_authorized's word, write must::always");
  static_assert(!fault::is_none, MUST_DETAIL_IS_NO_VERDICT("be_valid"));
  return Step::fits;
}
template <typename C, typename States, typename Options>
consteval bool diagnose_be_translated_to_events() {
  using fault = rule_fault<rules::be_translated_to_events_rule, C, States, Options>;
  static_assert(!fault::is_missing, MUST_DETAIL_IS_MISSING("be_translated_to_events"));
  static_assert(!fault::lacks_const, MUST_DETAIL_LACKS_CONST("be_translated_to_events"));
  static_assert(!fault::misfits, MUST_DETAIL_MISFITS("be_translated_to_events"));
  static_assert(!fault::is_prototype, MUST_DETAIL_IS_PROTOTYPE("be_translated_to_events"));
  return fault::none;
}

#undef MUST_DETAIL_IS_MISSING
#undef MUST_DETAIL_LACKS_CONST
#undef MUST_DETAIL_MISFITS
#undef MUST_DETAIL_IS_PROTOTYPE
#undef MUST_DETAIL_IS_NO_VERDICT

// Whether a rule is there and fits, with its verdict judged only where there is one.
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
    bool authorize = diagnose_be_authorized<C, States, Options>();
    if constexpr (chain::authorize::choice.callable())
      authorize &= diagnose_verdict_of_be_authorized<typename chain::authorize>();
    using authorized = typename chain::authorize::next;
    bool validate = diagnose_be_valid<authorized, States, Options>();
    if constexpr (chain::validate::choice.callable())
      validate &= diagnose_verdict_of_be_valid<typename chain::validate>();
    return authorize & validate & diagnose_be_translated_to_events<typename chain::translated, States, Options>();
  }
}

// Whether a rule refines C to a command that depends on something.
template <typename C, typename Refined, typename Options>
inline constexpr bool depends_late =
    !std::is_same_v<C, Refined> &&
    rules::chosen<rules::depends_on_rule, Refined, list<>, Options>.source != rules::rule_source::none;

// States come from depends_on alone, and from that of the command that was given.
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

// A command of which everything is known already to be good, so that no sentence has to be looked for.
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

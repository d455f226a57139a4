// SPDX-License-Identifier: MIT
// Command: a plain struct with three rules that decide what becomes of it.
#pragma once

#include "must/command/rule.hpp"
#include "must/config.hpp"  // IWYU pragma: keep
#include "must/detail/names.hpp"
#include "must/fwd.hpp"

#include <tuple>
#include <type_traits>

namespace must {

/// The rule that allows a command to everyone: `static constexpr auto be_authorized = must::anyone;`.
///
/// A member function be_authorized that returns anyone_t says the same.
struct anyone_t {
  /// Allows the command. It takes whatever a rule may get.
  constexpr anyone_t operator()(const auto&...) const { return {}; }
};
/// The value of anyone_t. \see anyone_t
inline constexpr anyone_t anyone{};

/// The rule that finds a command valid at any time: `static constexpr auto be_valid = must::always;`.
///
/// A member function be_valid that returns always_t says the same.
struct always_t {
  /// Finds the command valid. It takes whatever a rule may get.
  constexpr always_t operator()(const auto&...) const { return {}; }
};
/// The value of always_t. \see always_t
inline constexpr always_t always{};

namespace detail {

// What a deciding rule says by its return type.
enum class verdict { bad, silent, boolean, refusal, outcome, refined, refined_outcome };

// A bare error is no verdict: it would be taken for a command.
template <typename Returned>
inline constexpr bool is_failure = std::is_same_v<Returned, error>;
template <typename Error>
inline constexpr bool is_failure<unexpected<Error>> = true;

// Next is the command that the next rule gets: the command of this rule, or what this rule returned.
template <verdict Kind>
struct verdict_on {
  static constexpr verdict kind = Kind;
  template <typename C>
  using next = C;
};
template <verdict Kind, typename Refined>
struct refinement {
  static constexpr verdict kind = Kind;
  template <typename C>
  using next = Refined;
};

template <typename Rule, typename Returned>
struct verdict_of : verdict_on<verdict::bad> {};
template <typename Rule, typename Returned>
  requires(std::is_class_v<Returned> && !std::is_const_v<Returned> && !is_failure<Returned>)
struct verdict_of<Rule, Returned> : refinement<verdict::refined, Returned> {};
template <typename Rule>
struct verdict_of<Rule, void> : verdict_on<verdict::silent> {};
template <typename Rule>
struct verdict_of<Rule, bool> : verdict_on<verdict::boolean> {};
template <typename Rule>
struct verdict_of<Rule, must::refusal> : verdict_on<verdict::refusal> {};
template <>
struct verdict_of<rules::be_authorized_rule, anyone_t> : verdict_on<verdict::silent> {};
template <>
struct verdict_of<rules::be_valid_rule, always_t> : verdict_on<verdict::silent> {};
template <>
struct verdict_of<rules::be_authorized_rule, always_t> : verdict_on<verdict::bad> {};
template <>
struct verdict_of<rules::be_valid_rule, anyone_t> : verdict_on<verdict::bad> {};
template <typename Rule, typename Value, typename Other>
struct verdict_of<Rule, result<Value, Other>> : verdict_on<verdict::bad> {};
template <typename Rule>
struct verdict_of<Rule, result<void, error>> : verdict_on<verdict::outcome> {};
template <typename Rule, typename Value>
  requires std::is_class_v<Value>
struct verdict_of<Rule, result<Value, error>> : refinement<verdict::refined_outcome, Value> {};

// A deciding rule of a command: how it is chosen, what it says, and which command the next rule gets.
template <typename Rule, typename C, typename States, typename Options>
struct decision_step {
  static constexpr rules::rule_choice choice = rules::chosen<Rule, C, States, Options>;
  static constexpr bool fits = false;
  static constexpr bool refines = false;
  static constexpr verdict kind = verdict::bad;
  using next = C;
};
template <typename Rule, typename C, typename States, typename Options>
  requires(rules::chosen<Rule, C, States, Options>.callable())
struct decision_step<Rule, C, States, Options> {
  static constexpr rules::rule_choice choice = rules::chosen<Rule, C, States, Options>;
  using returned = rules::rule_result<Rule, C, States, Options>;
  using verdict_type = verdict_of<Rule, returned>;
  static constexpr verdict kind = verdict_type::kind;
  static constexpr bool fits = kind != verdict::bad;
  static constexpr bool refines = kind == verdict::refined || kind == verdict::refined_outcome;
  using next = typename verdict_type::template next<C>;
};

// The three rules in a row. Each is looked up on what the one before it made of the command.
template <typename C, typename States, typename Options>
struct rule_chain {
  using authorize = decision_step<rules::be_authorized_rule, C, States, Options>;
  using validate = decision_step<rules::be_valid_rule, typename authorize::next, States, Options>;
  using translated = typename validate::next;
  static constexpr rules::rule_choice translate =
      rules::chosen<rules::be_translated_to_events_rule, translated, States, Options>;
  static constexpr bool fits = authorize::fits && validate::fits && translate.callable();
  // Whether the rules are members that take all options, of a command without states that none of them refines.
  static constexpr bool is_plain = fits && std::is_same_v<States, list<>> && !authorize::refines &&
                                   !validate::refines && authorize::choice.is_plain() && validate::choice.is_plain() &&
                                   translate.is_plain();
};

// The states that the result of depends_on asks for, which decision.hpp knows, and whether it may be asked for.
template <typename Dependencies>
struct states_of_dependencies {
  using type = list<>;
};
template <typename Dependencies>
inline constexpr bool is_dependency = false;

template <typename C, typename Options>
struct states_found {
  using type = list<>;
};
template <typename C, typename Options>
  requires(rules::chosen<rules::depends_on_rule, C, list<>, Options>.callable())
struct states_found<C, Options>
    : states_of_dependencies<std::remove_cvref_t<rules::rule_result<rules::depends_on_rule, C, list<>, Options>>> {};
template <typename C, typename Options>
using states_of = typename states_found<C, Options>::type;

template <typename C, typename... Option>
using chain_of = rule_chain<C, states_of<C, list<Option...>>, list<Option...>>;

template <typename C, typename... Option>
concept authorized_by_member = requires(const C& command, const Option&... options) {
  command.be_authorized(options...);
} && chain_of<C, Option...>::authorize::fits;
template <typename C, typename... Option>
concept authorized_by_look_up = chain_of<C, Option...>::authorize::fits;
template <typename C, typename... Option>
concept validated_by_member = requires(const C& command, const Option&... options) { command.be_valid(options...); } &&
                              chain_of<C, Option...>::validate::fits;
template <typename C, typename... Option>
concept validated_by_look_up = chain_of<C, Option...>::validate::fits;
template <typename C, typename... Option>
concept translated_by_member = requires(const C& command, const Option&... options) {
  command.be_translated_to_events(options...);
} && chain_of<C, Option...>::translate.callable();
template <typename C, typename... Option>
concept translated_by_look_up = chain_of<C, Option...>::translate.callable();

}  // namespace detail

/// A command is a class with three rules: be_authorized, be_valid and be_translated_to_events.
///
/// Each rule is looked up as member, command_traits<C>, hidden friend and command_traits<must::any>, in this order. It
/// is called with (states..., options...), (options...), (states...) or (): the longest that fits. The states come from
/// depends_on, and the options from the caller. A member of the name of a rule decides alone: if it cannot be called
/// so, C is no Command. be_authorized and be_valid refuse by must::ensure, or return one of these:
/// - void, a bool that is false to refuse the command, must::refusal, or must::result<void>;
/// - another command, or a result of one, which the next rule gets in place of this one.
/// be_translated_to_events returns events. \see must::be_translated_to_events
template <typename C, typename... Option>
concept Command = (detail::authorized_by_member<C, Option...> || detail::authorized_by_look_up<C, Option...>) &&
                  (detail::validated_by_member<C, Option...> || detail::validated_by_look_up<C, Option...>) &&
                  (detail::translated_by_member<C, Option...> || detail::translated_by_look_up<C, Option...>);

namespace detail {

template <typename Rule>
struct rule_object {
  /// Calls the rule as process_command would for a command without states.
  template <typename C, typename... Option>
    requires(rules::chosen<Rule, C, list<>, list<Option...>>.callable())
  constexpr decltype(auto) operator()(const C& command, const Option&... options) const {
    return rules::call_rule<Rule>(command, std::tuple<>{}, options...);
  }
};

}  // namespace detail

/// The rules are function objects, so that a call never finds another function of the same name.
inline namespace cpo {

/// The rule that says whether the command may be given, by the person or system that the options name. \see Command
inline constexpr detail::rule_object<detail::rules::be_authorized_rule> be_authorized{};
/// The rule that says whether the command is possible in the present states. \see Command
inline constexpr detail::rule_object<detail::rules::be_valid_rule> be_valid{};
/// The rule that returns the events of the command: an event, or an optional, variant, tuple, pair or range of events.
///
/// A command that comes to no event stores nothing, and succeeds.
inline constexpr detail::rule_object<detail::rules::be_translated_to_events_rule> be_translated_to_events{};
/// The optional rule of an event that acts on it after it is stored: `event.be_handled(options...)` or
/// `event.be_handled()`.
///
/// process_command calls it before it returns, in the same thread. When the process ends before that, it is never
/// called. What it throws is in processed_command::handler_errors. Work that may not be lost belongs to a
/// must::subscription.
inline constexpr detail::rule_object<detail::rules::be_handled_rule> be_handled{};
/// The optional rule that returns what the command depends on. must::stream, must::tagged, must::every, must::each and
/// must::all_of make it. It is called with (options...) or (). For a command without this rule nothing is read.
///
/// Every event of the command whose type is among the events of one of the states has to lie in one of the boundaries.
/// Otherwise the command fails with bad_input, since its rules would not guard the event. A command that means it has
/// `static constexpr bool appends_outside = true;`.
inline constexpr detail::rule_object<detail::rules::depends_on_rule> depends_on{};
/// The optional rule that returns the id of the command, a text of 1 to 512 bytes. It is called with (options...) or
/// (). A command that is sent again with the same id runs once.
///
/// The two commands have to have the same content: another one fails with duplicate_command. The contents of plain
/// structs of up to 16 members are compared by their members. Any other command has `std::string command_digest()
/// const`, which returns a text that differs when the content does.
inline constexpr detail::rule_object<detail::rules::command_id_rule> command_id{};

}  // namespace cpo
}  // namespace must

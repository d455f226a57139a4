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

/// "Everyone may": `static constexpr auto be_authorized = must::anyone;`, or a member function that returns anyone_t.
struct anyone_t {
  constexpr anyone_t operator()(const auto&...) const { return {}; }  ///< Takes whatever a rule may get.
};
inline constexpr anyone_t anyone{};  ///< \see anyone_t

/// "Always valid": `static constexpr auto be_valid = must::always;`, or a member function that returns always_t.
struct always_t {
  constexpr always_t operator()(const auto&...) const { return {}; }  ///< Takes whatever a rule may get.
};
inline constexpr always_t always{};  ///< \see always_t

namespace detail {

// What a deciding rule says by its return type.
enum class verdict { bad, silent, boolean, refusal, outcome, refined, refined_outcome };

// A bare error is no verdict: it would be taken for a command.
template <typename Returned>
inline constexpr bool is_failure = std::is_same_v<Returned, error>;
template <typename Error>
inline constexpr bool is_failure<unexpected<Error>> = true;

// Next is the command that the next rule gets: that of this rule, or what this one returned.
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

// The three rules in a row, each looked up on what the one before it made of the command.
template <typename C, typename States, typename Options>
struct rule_chain {
  using authorize = decision_step<rules::be_authorized_rule, C, States, Options>;
  using validate = decision_step<rules::be_valid_rule, typename authorize::next, States, Options>;
  using translated = typename validate::next;
  static constexpr rules::rule_choice translate =
      rules::chosen<rules::be_translated_to_events_rule, translated, States, Options>;
  static constexpr bool fits = authorize::fits && validate::fits && translate.callable();
  // Members that take all options, of a command without states that none of them refines.
  static constexpr bool is_plain = fits && std::is_same_v<States, list<>> && !authorize::refines &&
                                   !validate::refines && authorize::choice.is_plain() && validate::choice.is_plain() &&
                                   translate.is_plain();
};

// Which states the result of depends_on asks for; decision.hpp knows them. Whether it is one that can be asked for.
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

/// A command for which all three rules are found, given the options that the caller passes.
///
/// Each rule is looked up as member, command_traits<C>, hidden friend, command_traits<must::any>, and called with
/// (states..., options...), (options...), (states...) or (): the longest that fits. States come from depends_on.
/// be_authorized and be_valid return void, bool, must::refusal, must::result<void>, or a refined command (or a result
/// of one), which the next rule gets. A member of a rule's name decides alone: if it does not fit, C is no Command.
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

/// The rules as function objects: so that no argument finds another function in their place.
inline namespace cpo {

/// May this command be given, by whom the options name? \see Command for how it is found and what it returns
inline constexpr detail::rule_object<detail::rules::be_authorized_rule> be_authorized{};
/// Is the command possible, as things stand? \see Command for how it is found and what it returns
inline constexpr detail::rule_object<detail::rules::be_valid_rule> be_valid{};
/// The events that the command comes to: an event, or optional, variant, tuple, pair, range of them; none is fine.
inline constexpr detail::rule_object<detail::rules::be_translated_to_events_rule> be_translated_to_events{};
/// What is done with a stored event at once, in this process, at most once: `event.be_handled(options...)`.
inline constexpr detail::rule_object<detail::rules::be_handled_rule> be_handled{};
/// What happened before that the command depends on: stream<S>(id), tagged<S>(tags...), every<S>(), all_of(...).
///
/// An event of a type that one of the states is folded from lies in one of these boundaries, else the command is
/// refused (bad_input): its rules would guard nothing. A command that means it has `static constexpr bool
/// appends_outside = true;`.
inline constexpr detail::rule_object<detail::rules::depends_on_rule> depends_on{};
/// A text that is the same when the command is sent again: it is then processed once.
inline constexpr detail::rule_object<detail::rules::command_id_rule> command_id{};

}  // namespace cpo
}  // namespace must

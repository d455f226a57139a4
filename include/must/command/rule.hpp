// SPDX-License-Identifier: MIT
// How a rule is found and called: where it is looked up, and with how many of its arguments.
#pragma once

#include "must/detail/names.hpp"

#include <tuple>
#include <type_traits>
#include <utility>

namespace must {

namespace detail::rules {
// The base of a command_traits<C> that nobody has specialised.
template <typename C>
struct no_traits {};
}  // namespace detail::rules

/// Gives rules to a command whose class cannot be edited. A program specialises it with static functions that have the
/// names of the rules, and whose first parameter is the command. `command_traits<must::any>` gives rules to every
/// command that has none of that name.
template <typename C>
struct command_traits : detail::rules::no_traits<C> {};

/// Stands for every command in `command_traits<must::any>`, which is meant for prototypes. The macro
/// MUST_FORBID_FALLBACKS forbids it.
struct any;

namespace detail::rules {

enum class rule_source { none, member, traits, hidden_friend, fallback };
enum class rule_arguments { misfit, all, options, states, nothing };

struct rule_choice {
  rule_source source = rule_source::none;
  rule_arguments arguments = rule_arguments::misfit;
  [[nodiscard]] constexpr bool callable() const { return arguments != rule_arguments::misfit; }
  [[nodiscard]] constexpr bool is_plain() const {
    return source == rule_source::member && arguments == rule_arguments::all;
  }
  [[nodiscard]] constexpr bool passes_states() const {
    return arguments == rule_arguments::all || arguments == rule_arguments::states;
  }
  [[nodiscard]] constexpr bool passes_options() const {
    return arguments == rule_arguments::all || arguments == rule_arguments::options;
  }
  [[nodiscard]] constexpr rule_choice without_states() const { return {source, rule_arguments::all}; }
};

#if defined(MUST_FORBID_FALLBACKS)
constexpr bool is_forbidden(rule_choice choice) { return choice.source == rule_source::fallback; }
#else
constexpr bool is_forbidden(rule_choice) { return false; }
#endif

// Delays the look-up of command_traits<any> until C is known, since it may be specialised after this header.
template <typename C>
using fallback_traits = command_traits<std::conditional_t<std::is_void_v<C>, C, any>>;

// There is one type for each rule. It tells whether the rule can be called from a source, and calls it. The deleted
// function keeps the unqualified look-up to hidden friends.
#define MUST_DETAIL_RULE(NAME)                                                                                      \
  namespace NAME##_friends {                                                                                        \
    void NAME() = delete;                                                                                           \
    template <typename C, typename... Arguments>                                                                    \
    constexpr auto call(const C& command, const Arguments&... arguments) -> decltype(NAME(command, arguments...)) { \
      return NAME(command, arguments...);                                                                           \
    }                                                                                                               \
    template <typename C, typename... Arguments>                                                                    \
    concept fits = requires(const C& command, const Arguments&... arguments) { NAME(command, arguments...); };      \
  }                                                                                                                 \
  struct NAME##_rule {                                                                                              \
    static constexpr const char* name = #NAME;                                                                      \
    template <typename C>                                                                                           \
    static constexpr bool is_member = has_##NAME<C>;                                                                \
    template <typename C, typename... Arguments>                                                                    \
    static constexpr bool fits_member =                                                                             \
        requires(const C& command, const Arguments&... arguments) { command.NAME(arguments...); };                  \
    template <typename C, typename... Arguments>                                                                    \
    static constexpr bool fits_friend = NAME##_friends::fits<C, Arguments...>;                                      \
    template <typename C, typename... Arguments>                                                                    \
    using member_result = decltype(std::declval<const C&>().NAME(std::declval<const Arguments&>()...));             \
    template <typename C, typename... Arguments>                                                                    \
    static constexpr bool is_callable_if_not_const =                                                                \
        requires(C& command, const Arguments&... arguments) { command.NAME(arguments...); };                        \
    template <typename C, typename... Arguments>                                                                    \
    static constexpr bool takes_mutable =                                                                           \
        requires(const C& command, Arguments&... arguments) { command.NAME(arguments...); };                        \
    template <typename C>                                                                                           \
    static constexpr bool is_nameable = requires { &C::NAME; };                                                     \
    template <rule_source Source, typename C, typename... Arguments>                                                \
    static consteval bool fits() {                                                                                  \
      if constexpr (Source == rule_source::member)                                                                  \
        return fits_member<C, Arguments...>;                                                                        \
      else if constexpr (Source == rule_source::traits)                                                             \
        return requires(const C& command, const Arguments&... arguments) {                                          \
          command_traits<C>::NAME(command, arguments...);                                                           \
        };                                                                                                          \
      else if constexpr (Source == rule_source::hidden_friend)                                                      \
        return fits_friend<C, Arguments...>;                                                                        \
      else                                                                                                          \
        return requires(const C& command, const Arguments&... arguments) {                                          \
          fallback_traits<C>::NAME(command, arguments...);                                                          \
        };                                                                                                          \
    }                                                                                                               \
    template <rule_choice How, typename C, typename... State, typename... Option>                                   \
    static constexpr decltype(auto) call(const C& command, const std::tuple<const State&...>& states,               \
                                         const Option&... options) {                                                \
      if constexpr (How.passes_states() && sizeof...(State) > 0)                                                    \
        return std::apply(                                                                                          \
            [&](const State&... state) -> decltype(auto) {                                                          \
              if constexpr (How.passes_options())                                                                   \
                return call<How.without_states()>(command, std::tuple<>(), state..., options...);                   \
              else                                                                                                  \
                return call<How.without_states()>(command, std::tuple<>(), state...);                               \
            },                                                                                                      \
            states);                                                                                                \
      else if constexpr (!How.passes_options() && sizeof...(Option) > 0)                                            \
        return call<How>(command, std::tuple<>());                                                                  \
      else if constexpr (How.source == rule_source::member)                                                         \
        return command.NAME(options...);                                                                            \
      else if constexpr (How.source == rule_source::traits)                                                         \
        return command_traits<C>::NAME(command, options...);                                                        \
      else if constexpr (How.source == rule_source::hidden_friend)                                                  \
        return NAME##_friends::call(command, options...);                                                           \
      else                                                                                                          \
        return fallback_traits<C>::NAME(command, options...);                                                       \
    }                                                                                                               \
  };
MUST_DETAIL_RULE(be_authorized)
MUST_DETAIL_RULE(be_valid)
MUST_DETAIL_RULE(be_translated_to_events)
MUST_DETAIL_RULE(be_handled)
MUST_DETAIL_RULE(depends_on)
MUST_DETAIL_RULE(command_id)
MUST_DETAIL_RULE(command_digest)
#undef MUST_DETAIL_RULE

// The longest arguments that fit: (states..., options...), (options...), (states...), ().
template <typename Rule, rule_source Source, typename C, typename... State, typename... Option>
consteval rule_arguments fitting(list<State...>, list<Option...>) {
  if constexpr (Rule::template fits<Source, C, State..., Option...>())
    return rule_arguments::all;
  else if constexpr (sizeof...(State) > 0 && Rule::template fits<Source, C, Option...>())
    return rule_arguments::options;
  else if constexpr (sizeof...(Option) > 0 && Rule::template fits<Source, C, State...>())
    return rule_arguments::states;
  else if constexpr (sizeof...(State) + sizeof...(Option) > 0 && Rule::template fits<Source, C>())
    return rule_arguments::nothing;
  else
    return rule_arguments::misfit;
}

template <typename Rule, typename C>
concept in_own_traits =
    (!std::is_base_of_v<no_traits<C>, command_traits<C>>) && Rule::template is_member<command_traits<C>>;
template <typename Rule, typename C>
concept in_fallback =
    Rule::template is_member<fallback_traits<C>> && can_be_a_base<C> && can_be_a_base<command_traits<C>>;

// Chooses a rule. A source that has the name decides by it alone. A hidden friend has no name to find, so it decides
// where it fits.
template <typename Rule, typename C, typename States, typename Options>
consteval rule_choice choose() {
  if constexpr (Rule::template is_member<C>) {
    return {rule_source::member, fitting<Rule, rule_source::member, C>(States{}, Options{})};
  } else if constexpr (in_own_traits<Rule, C>) {
    return {rule_source::traits, fitting<Rule, rule_source::traits, C>(States{}, Options{})};
  } else if constexpr (constexpr auto found = fitting<Rule, rule_source::hidden_friend, C>(States{}, Options{});
                       found != rule_arguments::misfit) {
    return {rule_source::hidden_friend, found};
  } else if constexpr (in_fallback<Rule, C>) {
    return {rule_source::fallback, fitting<Rule, rule_source::fallback, C>(States{}, Options{})};
  } else {
    return {};
  }
}

template <typename Rule, typename C, typename States, typename Options>
inline constexpr rule_choice chosen = choose<Rule, C, States, Options>();
// Most rules are found by one look: a member that takes everything.
template <typename Rule, typename C, typename... State, typename... Option>
  requires(Rule::template fits_member<C, State..., Option...>)
inline constexpr rule_choice chosen<Rule, C, list<State...>, list<Option...>>{rule_source::member, rule_arguments::all};
// Rules that need not be there are found by one look, too, when nobody has them.
template <typename Rule, typename C>
  requires(!Rule::template is_member<C> && !in_own_traits<Rule, C> && !in_fallback<Rule, C> &&
           !Rule::template fits_friend<C>)
inline constexpr rule_choice chosen<Rule, C, list<>, list<>>{};

// Calls a rule that `chosen` has found callable.
template <typename Rule, typename C, typename... State, typename... Option>
constexpr decltype(auto) call_rule(const C& command, const std::tuple<const State&...>& states,
                                   const Option&... options) {
  return Rule::template call<chosen<Rule, C, list<State...>, list<Option...>>>(command, states, options...);
}

template <typename Rule, typename C, typename... State, typename... Option>
auto result_of_rule(list<State...>, list<Option...>)
    -> decltype(Rule::template call<chosen<Rule, C, list<State...>, list<Option...>>>(
        std::declval<const C&>(), std::declval<const std::tuple<const State&...>&>(),
        std::declval<const Option&>()...));

template <typename Rule, typename C, typename States, typename Options>
struct result_of {
  using type = decltype(result_of_rule<Rule, C>(States{}, Options{}));
};
template <typename Rule, typename C, typename... State, typename... Option>
  requires(Rule::template fits_member<C, State..., Option...>)
struct result_of<Rule, C, list<State...>, list<Option...>> {
  using type = typename Rule::template member_result<C, State..., Option...>;
};

// What the chosen rule returns.
template <typename Rule, typename C, typename States, typename Options>
using rule_result = typename result_of<Rule, C, States, Options>::type;

}  // namespace detail::rules
}  // namespace must

// SPDX-License-Identifier: MIT
// How a rule is found and called: where it is looked up, and with how many of its arguments.
#pragma once

#include "must/detail/names.hpp"

#include <tuple>
#include <type_traits>
#include <utility>

namespace must {

/// Gives rules to commands that cannot be edited: specialise it with static functions of the rules' names, whose first
/// parameter is the command. `command_traits<must::any>` is the fallback of every command that has no rule of its own.
template <typename C>
struct command_traits {};

/// Stands for every command, as `command_traits<must::any>`. For prototypes; MUST_FORBID_FALLBACKS forbids its use.
struct any;

namespace detail {

enum class rule_source { none, member, traits, hidden_friend, fallback };
enum class rule_arguments { misfit, all, options, states, nothing };

struct rule_choice {
  rule_source source = rule_source::none;
  rule_arguments arguments = rule_arguments::misfit;
  [[nodiscard]] constexpr bool callable() const { return arguments != rule_arguments::misfit; }
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

// command_traits<any>, looked up only when C is known: it may be specialised after this header.
template <typename C>
using fallback_traits = command_traits<std::conditional_t<std::is_void_v<C>, C, any>>;

// One type a rule: whether it can be called from a source, and the call. The deleted function keeps the unqualified
// look-up to hidden friends.
#define MUST_DETAIL_RULE(NAME)                                                                                      \
  namespace NAME##_friends {                                                                                        \
    void NAME() = delete;                                                                                           \
    template <typename C, typename... Arguments>                                                                    \
    constexpr auto call(const C& command, const Arguments&... arguments) -> decltype(NAME(command, arguments...)) { \
      return NAME(command, arguments...);                                                                           \
    }                                                                                                               \
  }                                                                                                                 \
  struct NAME##_rule {                                                                                              \
    static constexpr const char* name = #NAME;                                                                      \
    template <typename C>                                                                                           \
    static constexpr bool is_member = has_##NAME<C>();                                                              \
    template <typename C, typename... Arguments>                                                                    \
    static constexpr bool is_callable_if_not_const =                                                                \
        requires(C& command, const Arguments&... arguments) { command.NAME(arguments...); };                        \
    template <rule_source Source, typename C, typename... Arguments>                                                \
    static consteval bool fits() {                                                                                  \
      if constexpr (Source == rule_source::member)                                                                  \
        return requires(const C& command, const Arguments&... arguments) { command.NAME(arguments...); };           \
      else if constexpr (Source == rule_source::traits)                                                             \
        return requires(const C& command, const Arguments&... arguments) {                                          \
          command_traits<C>::NAME(command, arguments...);                                                           \
        };                                                                                                          \
      else if constexpr (Source == rule_source::hidden_friend)                                                      \
        return requires(const C& command, const Arguments&... arguments) {                                          \
          NAME##_friends::call(command, arguments...);                                                              \
        };                                                                                                          \
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

// Whoever has the name decides by it alone; a hidden friend has no name to find, so it decides where it fits.
template <typename Rule, typename C, typename States, typename Options>
consteval rule_choice choose() {
  if constexpr (Rule::template is_member<C>) {
    return {rule_source::member, fitting<Rule, rule_source::member, C>(States{}, Options{})};
  } else if constexpr (Rule::template is_member<command_traits<C>>) {
    return {rule_source::traits, fitting<Rule, rule_source::traits, C>(States{}, Options{})};
  } else if constexpr (constexpr auto found = fitting<Rule, rule_source::hidden_friend, C>(States{}, Options{});
                       found != rule_arguments::misfit) {
    return {rule_source::hidden_friend, found};
  } else if constexpr (Rule::template is_member<fallback_traits<C>> && can_be_a_base<C> &&
                       can_be_a_base<command_traits<C>>) {
    return {rule_source::fallback, fitting<Rule, rule_source::fallback, C>(States{}, Options{})};
  } else {
    return {};
  }
}

template <typename Rule, typename C, typename States, typename Options>
inline constexpr rule_choice chosen = choose<Rule, C, States, Options>();

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

// What the chosen rule returns.
template <typename Rule, typename C, typename States, typename Options>
using rule_result = decltype(result_of_rule<Rule, C>(States{}, Options{}));

}  // namespace detail
}  // namespace must

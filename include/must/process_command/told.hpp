// SPDX-License-Identifier: MIT
// The types that process_command tells its caller: the event, and the state where it is asked for.
#pragma once

#include "must/command.hpp"
#include "must/command/rule.hpp"
#include "must/detail/names.hpp"
#include "must/options.hpp"
#include "must/process_command/settings.hpp"
#include "must/process_command/translate.hpp"
#include "must/record.hpp"
#include "must/storage.hpp"

#include <tuple>
#include <type_traits>
#include <variant>

namespace must::detail::pipeline {

// The type that processed holds for what be_translated_to_events returns. It is std::monostate where that is no event.
template <typename Returned, typename Data>
struct held_of {
  using held = typename events_holder<typename leaves<list<>, Returned, Data>::type>::type;
  using type = std::conditional_t<std::is_class_v<held>, held, std::monostate>;
};
template <typename Data>
struct held_of<void, Data> {
  using type = std::monostate;
};
template <typename C, typename Data, typename Options>
struct held_by {
  using type = std::monostate;
};
template <typename C, typename Data, typename Options>
  requires(rule_chain<C, states_of<C, Options>, Options>::fits)
struct held_by<C, Data, Options>
    : held_of<std::remove_cvref_t<rules::rule_result<rules::be_translated_to_events_rule,
                                                     typename rule_chain<C, states_of<C, Options>, Options>::translated,
                                                     states_of<C, Options>, Options>>,
              Data> {};

template <typename S>
struct data_of {
  using type = payload;
};
template <Storage S>
struct data_of<S> {
  using type = typename S::data_type;
};

// The type that processed holds for this call: an event type, or a variant of them. It is a class, so that compilers do
// not spell it out.
template <typename C, typename S, typename... Option>
struct processed_by {
  using type = typename held_by<C, typename data_of<S>::type, rule_options<Option...>>::type;
};
template <typename C, typename S, typename... Option>
using processed_event = typename processed_by<C, S, Option...>::type;

// The type of processed.state, which is void when the caller does not ask for it, or there is none.
template <typename States>
struct state_held {
  using type = void;
};
template <typename S>
struct state_held<list<S>> {
  using type = S;
};
template <typename First, typename Second, typename... More>
struct state_held<list<First, Second, More...>> {
  using type = std::tuple<First, Second, More...>;
};
template <bool IsAsked, typename C, typename Options>
struct state_told {
  using type = void;
};
template <typename C, typename Options>
struct state_told<true, C, Options> : state_held<states_of<C, Options>> {};
template <typename... Option>
inline constexpr bool asks_for_state = (std::is_same_v<Option, return_state_t> || ...);
template <typename C, typename... Option>
using processed_state = typename state_told<asks_for_state<Option...>, C, rule_options<Option...>>::type;

}  // namespace must::detail::pipeline

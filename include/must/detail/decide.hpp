// SPDX-License-Identifier: MIT
// Runs the three rules of a command in a row; a refusal in any of them ends it.
#pragma once

#include "must/command.hpp"
#include "must/result.hpp"

#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

namespace must::detail {

// The rule that is running, so that a refusal is told of the rule it rose in.
enum class running : unsigned char { be_authorized, be_valid, be_translated_to_events };

inline std::optional<error> refused(running rule, std::string reason) {
  constexpr const char* names[] = {"be_authorized", "be_valid", "be_translated_to_events"};
  const std::string name = names[static_cast<int>(rule)];
  if (reason.empty()) reason = name + " refused the command";
  return error{.code = rule == running::be_authorized ? error_code::unauthorized : error_code::invalid,
               .message = std::move(reason),
               .rule = name};
}

inline std::optional<error> refused(running rule, error why) {
  auto made = *refused(rule, std::move(why.message));
  why.code = made.code;
  why.message = std::move(made.message);
  why.rule = std::move(made.rule);
  return why;
}

// Calls a rule that prepares the decision; a refusal in it is one of the command.
template <typename Rule, typename Call>
auto refusing_as(Call&& call) {
  try {
    return call();
  } catch (const refusal& no) {
    raise({.code = error_code::invalid,
           .message = no.reason().empty() ? std::string(Rule::name) + " refused the command" : no.reason(),
           .rule = Rule::name});
  }
}

// What a deciding rule said, as the refusal that it is, or none.
inline std::optional<error> said(running rule, bool passes) {
  if (passes) return std::nullopt;
  return refused(rule, rule == running::be_authorized ? "be_authorized returned false" : "be_valid returned false");
}
inline std::optional<error> said(running rule, const refusal& no) {
  if (!no) return std::nullopt;
  return refused(rule, no.reason());
}
template <typename Value>
std::optional<error> said(running rule, const result<Value>& outcome) {
  if (outcome) return std::nullopt;
  return refused(rule, outcome.error());
}

// The rules of a command that be_authorized or be_valid refines: each rule gets what the one before made.
template <typename Rule, typename C, typename... State, typename Take, typename... Option>
std::optional<error> run_refining(running& rule, const C& command, const std::tuple<const State&...>& states, Take& take,
                                  const Option&... options) {
  if constexpr (std::is_same_v<Rule, be_translated_to_events_rule>) {
    rule = running::be_translated_to_events;
    take(call_rule<Rule>(command, states, options...));
    return std::nullopt;
  } else {
    using step = decision_step<Rule, C, list<State...>, list<Option...>>;
    constexpr bool first = std::is_same_v<Rule, be_authorized_rule>;
    using next = std::conditional_t<first, be_valid_rule, be_translated_to_events_rule>;
    rule = first ? running::be_authorized : running::be_valid;
    if constexpr (step::kind == verdict::silent) {
      call_rule<Rule>(command, states, options...);
      return run_refining<next>(rule, command, states, take, options...);
    } else {
      const auto returned = call_rule<Rule>(command, states, options...);
      if constexpr (step::kind != verdict::refined)
        if (auto no = said(rule, returned)) return no;
      if constexpr (step::kind == verdict::refined)
        return run_refining<next>(rule, returned, states, take, options...);
      else if constexpr (step::kind == verdict::refined_outcome)
        return run_refining<next>(rule, *returned, states, take, options...);
      else
        return run_refining<next>(rule, command, states, take, options...);
    }
  }
}

// Runs all rules; `take` gets what be_translated_to_events returned, while command and states live.
template <typename C, typename... State, typename Take, typename... Option>
std::optional<error> run_rules(const C& command, const std::tuple<const State&...>& states, Take& take,
                               const Option&... options) {
  using chain = rule_chain<C, list<State...>, list<Option...>>;
  auto rule = running::be_authorized;
  try {
    if constexpr (chain::authorize::refines || chain::validate::refines) {
      return run_refining<be_authorized_rule>(rule, command, states, take, options...);
    } else {
      if constexpr (chain::authorize::kind == verdict::silent)
        be_authorized_rule::call<chain::authorize::choice>(command, states, options...);
      else if (auto no = said(rule, be_authorized_rule::call<chain::authorize::choice>(command, states, options...)))
        return no;
      rule = running::be_valid;
      if constexpr (chain::validate::kind == verdict::silent)
        be_valid_rule::call<chain::validate::choice>(command, states, options...);
      else if (auto no = said(rule, be_valid_rule::call<chain::validate::choice>(command, states, options...)))
        return no;
      rule = running::be_translated_to_events;
      take(be_translated_to_events_rule::call<chain::translate>(command, states, options...));
      return std::nullopt;
    }
  } catch (const refusal& no) {
    return refused(rule, no.reason());
  }
}

}  // namespace must::detail

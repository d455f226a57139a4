// SPDX-License-Identifier: MIT
// Runs the three rules of a command in a row; a refusal in any of them ends it.
#pragma once

#include "must/command.hpp"
#include "must/detail/names.hpp"
#include "must/detail/rule.hpp"
#include "must/error.hpp"
#include "must/result.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace must::detail {

// The rule that is running, so that a refusal is told of the rule it rose in.
enum class running : unsigned char { be_authorized, be_valid, be_translated_to_events };

// Where a refusal is left. Every function below says whether the command passes; if not, it has left why.
using why_not = std::optional<error>;

inline bool refuse_by(running rule, why_not& no, error why) {
  constexpr const char* names[] = {"be_authorized", "be_valid", "be_translated_to_events"};
  why.code = rule == running::be_authorized ? error_code::unauthorized : error_code::invalid;
  const std::string_view name = names[static_cast<int>(rule)];
  why.rule = name;
  if (why.message.empty()) why.message = std::string(name) + " refused the command";
  no.emplace(std::move(why));
  return false;
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

inline bool passes(running rule, why_not& no, bool yes) {
  if (yes) return true;
  const char* reason = rule == running::be_authorized ? "be_authorized returned false" : "be_valid returned false";
  return refuse_by(rule, no, {.message = reason});
}
inline bool passes(running rule, why_not& no, const refusal& refused) {
  return !refused || refuse_by(rule, no, {.message = refused.reason()});
}
template <typename Value>
bool passes(running rule, why_not& no, result<Value>&& outcome) {
  return outcome || refuse_by(rule, no, std::move(outcome).error());
}

// The rules of a command that be_authorized or be_valid refines: each rule gets what the one before made.
template <typename Rule, typename C, typename... State, typename Take, typename... Option>
bool run_refining(running& rule, why_not& no, const C& command, const std::tuple<const State&...>& states, Take& take,
                  const Option&... options) {
  if constexpr (std::is_same_v<Rule, be_translated_to_events_rule>) {
    rule = running::be_translated_to_events;
    take(call_rule<Rule>(command, states, options...));
    return true;
  } else {
    using step = decision_step<Rule, C, list<State...>, list<Option...>>;
    constexpr bool first = std::is_same_v<Rule, be_authorized_rule>;
    using next = std::conditional_t<first, be_valid_rule, be_translated_to_events_rule>;
    rule = first ? running::be_authorized : running::be_valid;
    if constexpr (step::kind == verdict::silent) {
      call_rule<Rule>(command, states, options...);
      return run_refining<next>(rule, no, command, states, take, options...);
    } else {
      auto returned = call_rule<Rule>(command, states, options...);
      if constexpr (step::kind != verdict::refined)
        if (!passes(rule, no, std::move(returned))) return false;
      if constexpr (step::kind == verdict::refined)
        return run_refining<next>(rule, no, std::as_const(returned), states, take, options...);
      else if constexpr (step::kind == verdict::refined_outcome)
        return run_refining<next>(rule, no, *std::as_const(returned), states, take, options...);
      else
        return run_refining<next>(rule, no, command, states, take, options...);
    }
  }
}

// Runs all rules and says whether the command passed; `take` gets what be_translated_to_events returned, while command
// and states live.
template <typename C, typename... State, typename Take, typename... Option>
bool run_rules(why_not& no, const C& command, const std::tuple<const State&...>& states, Take& take,
               const Option&... options) {
  using chain = rule_chain<C, list<State...>, list<Option...>>;
  auto rule = running::be_authorized;
  try {
    if constexpr (chain::authorize::refines || chain::validate::refines) {
      return run_refining<be_authorized_rule>(rule, no, command, states, take, options...);
    } else {
      if constexpr (chain::authorize::kind == verdict::silent)
        be_authorized_rule::call<chain::authorize::choice>(command, states, options...);
      else if (!passes(rule, no, be_authorized_rule::call<chain::authorize::choice>(command, states, options...)))
        return false;
      rule = running::be_valid;
      if constexpr (chain::validate::kind == verdict::silent)
        be_valid_rule::call<chain::validate::choice>(command, states, options...);
      else if (!passes(rule, no, be_valid_rule::call<chain::validate::choice>(command, states, options...)))
        return false;
      rule = running::be_translated_to_events;
      take(be_translated_to_events_rule::call<chain::translate>(command, states, options...));
      return true;
    }
  } catch (const refusal& refused) {
    return refuse_by(rule, no, {.message = refused.reason()});
  }
}

}  // namespace must::detail

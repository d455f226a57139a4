// SPDX-License-Identifier: MIT
// Runs the three rules of a command in a row. A refusal in any of them ends it.
#pragma once

#include "must/command.hpp"
#include "must/command/rule.hpp"
#include "must/detail/names.hpp"
#include "must/error.hpp"
#include "must/result.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace must::detail::pipeline {

// The rule that is running, so that a refusal names the rule that it comes from.
enum class running : unsigned char { be_authorized, be_valid, be_translated_to_events };

// Why a command did not pass, or nothing when it did.
using why_not = std::optional<error>;

// Where the rules of a command are, and what the rule that refused has left. Every function below that returns a bool
// returns whether the command passes.
struct progress_of_rules {
  running rule = running::be_authorized;
  why_not no{};

  bool refuse(error why) {
    constexpr const char* names[] = {"be_authorized", "be_valid", "be_translated_to_events"};
    why.code = rule == running::be_authorized ? error_code::unauthorized : error_code::invalid;
    const std::string_view name = names[static_cast<int>(rule)];
    why.rule = name;
    if (why.message.empty()) why.message = std::string(name) + " refused the command";
    no.emplace(std::move(why));
    return false;
  }
  bool passes(bool yes) {
    if (yes) return true;
    const char* reason = rule == running::be_authorized ? "be_authorized returned false" : "be_valid returned false";
    return refuse({.message = reason});
  }
  bool passes(const refusal& refused) { return !refused || refuse({.message = refused.reason()}); }
  template <typename Value>
  bool passes(result<Value>&& outcome) {
    return outcome || refuse(std::move(outcome).error());
  }
  // A refusal that is thrown is one of the rule that runs.
  template <typename Run>
  bool run(Run&& rules) {
    try {
      return rules(*this);
    } catch (const refusal& refused) {
      return refuse({.message = refused.reason()});
    }
  }
};

// Calls a rule that prepares the decision. A refusal in it is one of the command.
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

// Runs Rule and those after it. When a rule refines the command, the next rule gets what it made.
template <typename Rule, typename C, typename... State, typename Take, typename... Option>
bool run_from(progress_of_rules& at, const C& command, const std::tuple<const State&...>& states, Take& take,
              const Option&... options) {
  if constexpr (std::is_same_v<Rule, rules::be_translated_to_events_rule>) {
    at.rule = running::be_translated_to_events;
    take(rules::call_rule<Rule>(command, states, options...));
    return true;
  } else {
    using step = decision_step<Rule, C, list<State...>, list<Option...>>;
    constexpr bool first = std::is_same_v<Rule, rules::be_authorized_rule>;
    using next = std::conditional_t<first, rules::be_valid_rule, rules::be_translated_to_events_rule>;
    at.rule = first ? running::be_authorized : running::be_valid;
    if constexpr (step::kind == verdict::silent) {
      rules::call_rule<Rule>(command, states, options...);
      return run_from<next>(at, command, states, take, options...);
    } else {
      auto returned = rules::call_rule<Rule>(command, states, options...);
      if constexpr (step::kind != verdict::refined)
        if (!at.passes(std::move(returned))) return false;
      if constexpr (step::kind == verdict::refined)
        return run_from<next>(at, std::as_const(returned), states, take, options...);
      else if constexpr (step::kind == verdict::refined_outcome)
        return run_from<next>(at, *std::as_const(returned), states, take, options...);
      else
        return run_from<next>(at, command, states, take, options...);
    }
  }
}

// Runs the rules one after the other, inside of progress_of_rules::run. `take` gets what
// be_translated_to_events returned, while command and states live.
template <typename C, typename... State, typename Take, typename... Option>
bool run_rules(progress_of_rules& at, const C& command, const std::tuple<const State&...>& states, Take& take,
               const Option&... options) {
  using chain = rule_chain<C, list<State...>, list<Option...>>;
  if constexpr (!chain::is_plain) {
    return run_from<rules::be_authorized_rule>(at, command, states, take, options...);
  } else {  // Most commands are so. The same in one function spares the compiler six.
    at.rule = running::be_authorized;
    if constexpr (chain::authorize::kind == verdict::silent)
      command.be_authorized(options...);
    else if (!at.passes(command.be_authorized(options...)))
      return false;
    at.rule = running::be_valid;
    if constexpr (chain::validate::kind == verdict::silent)
      command.be_valid(options...);
    else if (!at.passes(command.be_valid(options...)))
      return false;
    at.rule = running::be_translated_to_events;
    take(command.be_translated_to_events(options...));
    return true;
  }
}

}  // namespace must::detail::pipeline

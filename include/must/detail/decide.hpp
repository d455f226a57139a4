// SPDX-License-Identifier: MIT
// Runs the three rules of a command in a row; a refusal in any of them ends it.
#pragma once

#include "must/command.hpp"
#include "must/result.hpp"

#include <optional>
#include <string>
#include <tuple>
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

inline std::optional<error> returned_false(running rule) {
  return refused(rule, rule == running::be_authorized ? "be_authorized returned false" : "be_valid returned false");
}

// The last rule; `take` gets what it returned, while command and states live.
template <typename C, typename... State, typename Take, typename... Option>
std::optional<error> translate(running& rule, const C& command, const std::tuple<const State&...>& states, Take& take,
                               const Option&... options) {
  rule = running::be_translated_to_events;
  take(call_rule<be_translated_to_events_rule>(command, states, options...));
  return std::nullopt;
}

// Runs a deciding rule and then the rules after it, with the command that it made of this one.
template <typename Rule, typename C, typename... State, typename Take, typename... Option>
std::optional<error> decide(running& rule, const C& command, const std::tuple<const State&...>& states, Take& take,
                            const Option&... options) {
  using step = decision_step<Rule, C, list<State...>, list<Option...>>;
  constexpr bool first = std::is_same_v<Rule, be_authorized_rule>;
  const auto next = [&](const auto& passed) {
    if constexpr (first)
      return decide<be_valid_rule>(rule, passed, states, take, options...);
    else
      return translate(rule, passed, states, take, options...);
  };
  rule = first ? running::be_authorized : running::be_valid;
  if constexpr (step::kind == verdict::silent) {
    call_rule<Rule>(command, states, options...);
    return next(command);
  } else if constexpr (step::kind == verdict::boolean) {
    if (!call_rule<Rule>(command, states, options...)) return returned_false(rule);
    return next(command);
  } else {
    const auto said = call_rule<Rule>(command, states, options...);
    if constexpr (step::kind == verdict::refusal) {
      if (said) return refused(rule, said.reason());
      return next(command);
    } else if constexpr (step::kind == verdict::outcome) {
      if (!said) return refused(rule, said.error());
      return next(command);
    } else if constexpr (step::kind == verdict::refined) {
      return next(said);
    } else {
      if (!said) return refused(rule, said.error());
      return next(*said);
    }
  }
}

// Runs all rules.
template <typename C, typename... State, typename Take, typename... Option>
std::optional<error> run_rules(const C& command, const std::tuple<const State&...>& states, Take& take,
                               const Option&... options) {
  auto rule = running::be_authorized;
  try {
    return decide<be_authorized_rule>(rule, command, states, take, options...);
  } catch (const refusal& no) {
    return refused(rule, no.reason());
  }
}

}  // namespace must::detail

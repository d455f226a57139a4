// SPDX-License-Identifier: MIT
// The options of process_command: those of `must` itself, and those that the rules get.
#pragma once

#include "must/detail/names.hpp"
#include "must/fwd.hpp"
#include "must/options.hpp"
#include "must/process_command/identity.hpp"
#include "must/query.hpp"
#include "must/record.hpp"

#include <optional>
#include <tuple>
#include <type_traits>

namespace must::detail::pipeline {

// Says that the events of a command follow from an event. They are not stored where that is not stored.
struct caused_by {
  seen_event event{};
};

// The options that `must` itself defines.
struct settings {
  const attributes* metadata = nullptr;
  must::attempts attempts{};
  deadline until{};
  std::optional<command_identity> identity{};
  std::optional<version> expected{};
  std::optional<seen_event> cause{};

  void take(const must::metadata& all) { metadata = &all.entries; }
  void take(const must::attempts& count) { attempts = count; }
  void take(const deadline& limit) { until = limit; }
  void take(const expected_version& at) { expected = at.version; }
  void take(const caused_by& by) { cause = by.event; }
  template <typename Option>
  void take(const Option&) {}
};

template <typename Option>
inline constexpr bool is_own_option =
    std::is_same_v<Option, metadata> || std::is_same_v<Option, attempts> || std::is_same_v<Option, deadline> ||
    std::is_same_v<Option, identified_by> || std::is_same_v<Option, expected_version> ||
    std::is_same_v<Option, return_state_t> || std::is_same_v<Option, caused_by>;

// The options that the rules get, which are all but those of `must` itself.
template <typename Kept, typename... Option>
struct keep_rule_options {
  using type = Kept;
};
template <typename... Kept, typename First, typename... Rest>
struct keep_rule_options<list<Kept...>, First, Rest...>
    : keep_rule_options<std::conditional_t<is_own_option<First>, list<Kept...>, list<Kept..., First>>, Rest...> {};
template <typename... Option>
using rule_options = typename keep_rule_options<list<>, Option...>::type;

template <typename... Option>
settings settings_of(const Option&... options) {
  settings all;
  (all.take(options), ...);
  return all;
}

template <typename C, typename Option>
void identify_by(settings& all, const C& command, const Option& option) {
  if constexpr (std::is_same_v<Option, identified_by>) all.identity = identity_of(command, option.id);
}

template <typename Option>
auto rule_option(const Option& option) {
  if constexpr (is_own_option<Option>)
    return std::tuple<>();
  else
    return std::tuple<const Option&>(option);
}

// Calls `run(options...)` with the options that are not those of `must` itself.
template <typename Run, typename... Option>
decltype(auto) with_rule_options(Run&& run, const Option&... options) {
  return std::apply(run, std::tuple_cat(rule_option(options)...));
}

}  // namespace must::detail::pipeline

// SPDX-License-Identifier: MIT
// The options of a process manager: those of its subscription, and those of the rules of its commands.
#pragma once

#include "must/error.hpp"
#include "must/query.hpp"
#include "must/storage/kit/validate.hpp"
#include "must/subscription/options.hpp"

#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

namespace must::detail::model {

inline std::string checked_manager(std::string name) {
  kit::check_name("name", name);
  if (name.size() > 200) kit::refuse_input("name", "is longer than 200 bytes");
  return name;
}
template <typename P>
query process_query() {
  return query::of_types(all_names(typename P::events{}));
}
// Returns whether a failure may come from the store, or from others that store at the same time, and not from the
// event.
inline bool may_pass(const failed_attempt& failed) {
  return failed.why.retryable || failed.why.code == error_code::outcome_unknown ||
         failed.why.code == error_code::version_conflict;
}
inline subscription_options one_lane(subscription_options options) {
  if (options.lanes != 1) kit::refuse_input("lanes", "is not 1: a process manager has one");
  if (!options.on_failure.attempts && !options.on_failure.decide)
    options.on_failure.decide = [then = options.on_failure.then](const failed_attempt& failed) {
      return may_pass(failed) ? failure_action::retry : then;
    };
  return options;
}
template <typename... Option>
subscription_options subscription_options_in(const Option&... options) {
  subscription_options found;
  [[maybe_unused]] const auto take = [&](const auto& option) {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(option)>, subscription_options>) found = option;
  };
  (take(options), ...);
  return found;
}
template <typename Option>
auto unless_subscription_options(Option option) {
  if constexpr (std::is_same_v<Option, subscription_options>)
    return std::tuple<>();
  else
    return std::tuple<Option>(std::move(option));
}
template <typename... Option>
auto without_subscription_options(Option... options) {
  return std::tuple_cat(unless_subscription_options(std::move(options))...);
}

}  // namespace must::detail::model

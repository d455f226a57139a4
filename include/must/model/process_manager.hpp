// SPDX-License-Identifier: MIT
// process_manager: turns events into commands, for as long as something goes on.
#pragma once

#include "must/fwd.hpp"
#include "must/model/process_manager/runner.hpp"
#include "must/storage.hpp"
#include "must/subscription.hpp"
#include "must/subscription/options.hpp"
#include "must/timestamp.hpp"

#include <stop_token>
#include <string>
#include <tuple>
#include <utility>

namespace must {

/// A process manager, as must::process_manager makes it. \see must::process_manager
template <ProcessManager P, CellStorage S, typename... Option>
class basic_process_manager {
 public:
  /// For must::process_manager.
  basic_process_manager(S& storage, const std::string& name, subscription_options options, Option... rule_options)
      : subscription_(storage, "process/" + name, detail::model::process_query<P>(),
                      detail::model::process_runner<P, S, Option...>(storage, name, std::move(rule_options)...),
                      detail::model::one_lane(std::move(options))) {}

  /// Follows until a stop is requested. \throws as subscription::run; what react and the commands' rules throw
  void run(const std::stop_token& stop) { subscription_.run(stop); }
  /// Handles what the store has and which deadlines have passed, and returns the position it has come to.
  position run_once(const std::stop_token& stop = {}) { return subscription_.run_once(stop); }
  /// \see subscription
  bool wait_until(position at, duration timeout) { return subscription_.wait_until(at, timeout); }
  [[nodiscard]] subscription_health health() const { return subscription_.health(); }  ///< \see subscription::health

 private:
  subscription<S, detail::model::process_runner<P, S, Option...>> subscription_;
};

/// Follows a store with the process manager P: events come in, commands go out, through process_command.
///
/// Each instance is a stream "process/<name>/<key>": a decision is stored before its commands run, each outcome after,
/// and the ids of commands follow from it, so that a crash at any point runs none twice. The commands carry the
/// metadata causationid and correlationid. A refused command goes to P::refused, anything else that fails is tried
/// again as the options say. A store of structs has to know process_decided and process_outcome as well.
/// \param storage  not owned \param name  1 to 200 bytes \param options  a subscription_options, and what the commands'
/// rules get
/// \throws bad_input  when the name or an option is out of range
template <ProcessManager P, CellStorage S, typename... Option>
[[nodiscard]] auto process_manager(S& storage, const std::string& name, Option... options) {
  return std::apply(
      [&](auto... rule_options) {
        return basic_process_manager<P, S, decltype(rule_options)...>(
            storage, name, detail::model::subscription_options_in(options...), std::move(rule_options)...);
      },
      detail::model::without_subscription_options(std::move(options)...));
}

}  // namespace must

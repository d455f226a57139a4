// SPDX-License-Identifier: MIT
// process_manager: turns events into commands, for each process that goes on.
#pragma once

#include "must/fwd.hpp"
#include "must/model/process_manager/instance.hpp"
#include "must/model/process_manager/listing.hpp"
#include "must/model/process_manager/options.hpp"
#include "must/model/process_manager/reaction.hpp"  // IWYU pragma: export
#include "must/model/process_manager/runner.hpp"
#include "must/query.hpp"
#include "must/storage.hpp"
#include "must/subscription.hpp"
#include "must/subscription/options.hpp"
#include "must/subscription/parked_event.hpp"
#include "must/subscription/partition.hpp"
#include "must/subscription/wait_outcome.hpp"
#include "must/timestamp.hpp"

#include <optional>
#include <stop_token>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace must {

/// A process manager. must::process_manager makes it, and says how it works. \see must::process_manager
template <ProcessManager P, CellStorage S, typename... Option>
class basic_process_manager {
 public:
  /// Makes a process manager. must::process_manager calls it.
  basic_process_manager(S& storage, std::string name, subscription_options options, Option... rule_options)
      : storage_(storage),
        name_(detail::model::checked_manager(std::move(name))),
        subscription_(storage, follower::process_manager(name_), detail::model::process_query<P>(),
                      runner(storage, name_, std::move(rule_options)...),
                      detail::model::one_lane(by_instance(storage, std::move(options)))) {}

  /// Follows the store until a stop is requested. A stop takes effect between two commands.
  /// \throws poison  when an instance decides 100 times in a row on refusals of its own commands, or on deadlines that
  ///                 are due at once, and the failure policy says stop
  /// \throws ...     what subscription::run throws
  /// \throws ...     what react and the rules of commands throw, when the failure policy says stop
  void run(const std::stop_token& stop) { subscription_.run(stop); }
  /// Handles the events that the store has and the deadlines that have passed.
  /// \returns the position up to which events are handled or parked
  /// \throws ...  what run throws, and every storage_error
  position run_once(const std::stop_token& stop = {}) { return subscription_.run_once(stop); }

  /// Returns the instances that have begun and not ended, in the order of their keys, whichever process follows. It
  /// reads all decisions of the process manager.
  /// \throws codec_error    when a decision cannot be read
  /// \throws storage_error  when the store fails
  [[nodiscard]] std::vector<running_process> running() const {
    return detail::model::running_processes(storage_, name_);
  }
  /// Ends one instance. Its later events and its deadlines are passed over.
  /// \returns whether it was running
  /// \throws version_conflict  when the instance decides on other things again and again meanwhile
  /// \throws storage_error     when the store fails
  bool end(const std::string& key) { return detail::model::end_process_of(storage_, name_, key); }

  /// Waits until everything at or below a position is handled. \see subscription::wait_until
  wait_outcome wait_until(position at, duration timeout) { return subscription_.wait_until(at, timeout); }
  /// Returns how far the process manager is, and what holds it up. \see subscription::health
  [[nodiscard]] subscription_health health() const { return subscription_.health(); }
  /// Returns the events and deadlines that are parked, whichever process follows. `key` is that of the instance.
  /// \throws storage_error  when the store fails
  [[nodiscard]] std::vector<parked_event> parked() const { return subscription_.parked(); }
  /// Asks the process that follows to handle the parked events and deadlines again, soon. Those that fail stay parked.
  /// \throws storage_error  when the store fails
  void replay_parked() { subscription_.replay_parked(); }
  /// Asks for one parked event or deadline to be handled again. \see subscription::replay
  void replay(const parked_choice& which) { subscription_.replay(which); }
  /// Asks for a parked event or deadline to be skipped. \see subscription::skip
  void skip(const parked_choice& which) { subscription_.skip(which); }
  /// Asks for a parked event or deadline, and all that wait behind it, to be skipped. \see subscription::drop
  void drop(const parked_choice& which) { subscription_.drop(which); }

 private:
  using runner = detail::model::process_runner<P, S, Option...>;

  // Events of one instance wait behind one of it that is parked, whatever their streams.
  static subscription_options by_instance(S& storage, subscription_options options) {
    if (!options.key_of)
      options.key_of = [&storage](const event_head& head) {
        std::optional<std::string> key;
        static_cast<void>(
            storage.read(query::all(), {.after = head.position - 1, .until = head.position}, [&](const auto& record) {
              if (record.id == head.id && record.source == head.source) key = runner::key_or_stream(record);
            }));
        if (!key) detail::model::raise_event_is_lost(head.id, head.position);
        return *std::move(key);
      };
    return options;
  }

  S& storage_;
  std::string name_;
  subscription<S, runner> subscription_;
};

/// Makes a process manager of the ProcessManager P, which follows a store and runs the commands that P returns.
///
/// An instance is the state of one key. It has a stream of its own, where a decision is stored before its commands run,
/// and each outcome after it. The ids of commands follow from the decision, so that a crash runs no command twice.
/// Events of the commands carry the metadata causationid and correlationid. A command that is refused goes to
/// P::refused, if there is one, and any other failure to the failure policy. A store of structs names process_decided
/// and process_outcome among its events.
/// \param storage  the store, which outlives the process manager
/// \param name     the name of the process manager, 1 to 200 bytes
/// \param options  a subscription_options with one lane, and options for process_command
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

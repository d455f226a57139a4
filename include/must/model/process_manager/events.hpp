// SPDX-License-Identifier: MIT
// The events of a process manager's own streams (public): what was decided, and what became of each command.
#pragma once

#include "must/fwd.hpp"
#include "must/record.hpp"
#include "must/stored_names.hpp"
#include "must/timestamp.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace must {

/// A command as a process manager stores it before it runs.
struct issued_command {
  std::string type{};  ///< The type of the command, as command_type names it.
  payload data{};      ///< The command as its codec encodes it.
  friend bool operator==(const issued_command&, const issued_command&) = default;
};

/// Sets a deadline of an instance. react returns it beside commands: `must::process_deadline{"payment", 24h}`.
///
/// When it has passed, `on_deadline("payment")` is called, unless the instance has ended or cancelled the deadline.
/// A deadline that is set again under the same name replaces the former one.
struct process_deadline {
  std::string name{};  ///< The name of the deadline within the instance.
  duration after{};    ///< The span until it passes. A span of more than 100 years counts as 100 years.
};
/// Cancels the deadline of that name. react returns it.
struct cancel_deadline {
  std::string name{};  ///< The name that process_deadline gave.
};
/// Ends the instance. react returns it. Later events of its key and its deadlines are passed over. `refused` is still
/// called for the commands that it has issued.
struct end_process {};

/// What a process manager decided. It is stored before any of it is done, in the stream of the instance.
struct process_decided {
  static constexpr auto type = "must.process.decided";  ///< The type of the event.

  /// What a decision was made on.
  enum class cause : std::uint8_t {
    unknown,   ///< An earlier release stored the decision and did not say.
    event,     ///< An event of the instance: `trigger` holds its source and its id.
    refusal,   ///< A refused command: `trigger` holds the id of its decision and its index there.
    deadline,  ///< A deadline that passed: `trigger` holds the id of its decision and its name.
    hand       ///< A person ended the instance, or `trigger` holds a deadline as above that is passed over.
  };
  /// A deadline as it is stored.
  struct deadline {
    std::string name{};  ///< The name of the deadline within the instance.
    timestamp due{};     ///< The first moment at which the deadline has passed.
    friend bool operator==(const deadline&, const deadline&) = default;
  };

  std::string manager{};                   ///< The name of the process manager.
  std::string key{};                       ///< The key of the instance.
  cause on = cause::unknown;               ///< The kind of what was decided on.
  std::string trigger{};                   ///< The parts of what was decided on. \see stored_names::joined
  must::position position = 0;             ///< The position of the event, or 0 for another cause.
  std::vector<issued_command> commands{};  ///< The commands, in the order in which they run.
  std::vector<deadline> deadlines{};       ///< The deadlines that are set.
  std::vector<std::string> cancelled{};    ///< The names of the deadlines that are void.
  bool ended = false;                      ///< Whether the instance has ended.

  /// The stream of the instance.
  [[nodiscard]] std::string stream() const { return stored_names::process_stream(manager, key).now; }

  /// The tag by which all events of a process manager are found.
  [[nodiscard]] std::vector<std::string> tags() const { return {stored_names::process_tag(manager)}; }
  friend bool operator==(const process_decided&, const process_decided&) = default;
};

/// What became of one command of a decision. It is stored in the same stream.
struct process_outcome {
  static constexpr auto type = "must.process.outcome";  ///< The type of the event.

  std::string manager{};    ///< The name of the process manager.
  std::string key{};        ///< The key of the instance.
  std::string decision{};   ///< The id of the event that holds the decision.
  std::uint32_t index = 0;  ///< The place of the command in the decision, from 0.
  std::string refused{};    ///< The first 500 bytes of the reason of the refusal. It is empty when there is none.
  std::string rule{};       ///< The rule that refused it.

  /// The stream of the instance.
  [[nodiscard]] std::string stream() const { return stored_names::process_stream(manager, key).now; }

  /// The tag by which all events of a process manager are found.
  [[nodiscard]] std::vector<std::string> tags() const { return {stored_names::process_tag(manager)}; }
  friend bool operator==(const process_outcome&, const process_outcome&) = default;
};

}  // namespace must

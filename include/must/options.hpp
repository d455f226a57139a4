// SPDX-License-Identifier: MIT
// The options of process_command that `must` itself defines.
#pragma once

#include "must/fwd.hpp"
#include "must/metadata.hpp"  // IWYU pragma: export
#include "must/stream_version.hpp"
#include "must/timestamp.hpp"

#include <string>

namespace must {

/// An option of process_command: how often a command is tried when others append in between.
struct attempts {
  /// The highest number of attempts, the first included. By default it is 16, and 0 means 1.
  unsigned count = 16;
};

/// An option of process_command: how long a command is tried again after conflicts and unknown outcomes.
///
/// An example is `must::deadline{std::chrono::milliseconds(500)}`. An attempt that has begun is not cut off.
struct deadline {
  /// The time from the call of process_command after which no further attempt begins. By default it is 2 seconds. The
  /// clock that measures it is coarse: it ticks every few milliseconds.
  duration after{2'000'000};
};

/// An option of process_command: the id of the command, `must::identified_by{request_id}`. \see must::command_id
///
/// A command that is sent again with the same id runs once, and gets the result of the first time. When the content of
/// the two can be compared and differs, the second one fails with duplicate_command.
struct identified_by {
  /// The id of the command, 1 to 512 bytes. Another size is refused (bad_input).
  std::string id{};
};

/// An option of process_command: the version at which the stream of the command must be, `must::expected_version{3}`.
/// 0 expects that there is no such stream yet.
///
/// The command fails with version_conflict when its stream is at another version, and is not tried again. Its stream is
/// the one that depends_on names, or else the one that all of its events are in. A command about several streams, or
/// about none, fails with bad_input. A command that is sent again under its id gets the result of the first time,
/// whatever the version is now.
struct expected_version {
  /// The version, which is that of the last event of the stream.
  must::version version{};
};

/// The type of must::return_state.
struct return_state_t {};

/// An option of process_command: `processed.state` is the state that the command depends on, with its events in it.
///
/// It is what must::load gives at the last position of the command. To tell it, the events of the command are read
/// back. A command that is known by its id has not read its past, and reads it for this. When the state cannot be told,
/// the error says that the events are stored, and is not retryable.
inline constexpr return_state_t return_state{};

}  // namespace must

// SPDX-License-Identifier: MIT
// The options of process_command that `must` itself defines.
#pragma once

#include "must/metadata.hpp"  // IWYU pragma: export
#include "must/timestamp.hpp"

#include <string>

namespace must {

/// An option of process_command: how often a command is tried when others append in between.
struct attempts {
  /// The highest number of attempts, the first included: 1 or more.
  unsigned count = 16;
};

/// An option of process_command: how long a command is tried again after conflicts and unknown outcomes.
///
/// An example is `must::deadline{std::chrono::milliseconds(500)}`. An attempt that has begun is not cut off.
struct deadline {
  /// The time from the first read after which no attempt begins. The clock is exact to about 10 ms.
  duration after{2'000'000};
};

/// An option of process_command: the id of the command, `must::identified_by{request_id}`. \see must::command_id
///
/// A command that is sent again with the same id runs once, and gets the result of the first time. When the content of
/// the two can be compared and differs, the second one fails with duplicate_command.
struct identified_by {
  /// The id of the command, of 1 to 512 bytes.
  std::string id{};
};

}  // namespace must

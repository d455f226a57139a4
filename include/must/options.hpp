// SPDX-License-Identifier: MIT
// must's own options of process_command.
#pragma once

#include "must/metadata.hpp"  // IWYU pragma: export
#include "must/timestamp.hpp"

#include <string>

namespace must {

/// An option of process_command: the maximum number of attempts, the first included, when others append in between.
/// 1 or more; 16 by default.
struct attempts {
  unsigned count = 16;  ///< The maximum number of attempts.
};

/// How long a command is tried again after conflicts and unknown outcomes: 2 s by default, measured to some 10 ms.
/// `must::deadline{std::chrono::milliseconds(500)}`. A try that has begun is not cut off.
struct deadline {
  duration after{2'000'000};  ///< from the first read
};

/// Makes a repeat of a command harmless, as the command's own command_id does: `must::identified_by{request_id}`.
///
/// 1 to 512 bytes. The same id with a command of other content is duplicate_command, where content can be compared.
struct identified_by {
  std::string id{};  ///< of the request
};

}  // namespace must

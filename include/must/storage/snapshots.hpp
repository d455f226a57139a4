// SPDX-License-Identifier: MIT
// remove_snapshots: removes the snapshots of states that nothing needs any more.
#pragma once

#include "must/fwd.hpp"
#include "must/process_command/resume.hpp"
#include "must/storage.hpp"
#include "must/stored_names.hpp"

#include <cstddef>
#include <string>

namespace must {

/// Removes the snapshots of states whose last event is at or below a position, such as those that a former release
/// wrote of a state that has another layout now.
///
/// Nothing is lost: a state whose snapshot is removed is folded from its first event the next time, and may get a new
/// snapshot then. The call reads each snapshot.
/// \param storage  the store
/// \param until    the position. The head of the store removes all snapshots.
/// \returns the number of snapshots that were removed
/// \throws storage_error  when the store fails. Some snapshots may be removed then.
template <CellRemovalStorage S>
std::size_t remove_snapshots(S& storage, position until) {
  std::size_t removed = 0;
  for (const auto& key : storage.list(std::string(stored_names::snapshots))) {
    const auto found = storage.get(key);
    if (found && detail::pipeline::position_of_snapshot(found->bytes) <= until && storage.remove(key, found->revision))
      ++removed;
  }
  return removed;
}

}  // namespace must

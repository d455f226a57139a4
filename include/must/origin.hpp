// SPDX-License-Identifier: MIT
// origin: the source, the clock and the ids that a store gives to new events.
#pragma once

#include "must/timestamp.hpp"
#include "must/uuid.hpp"

#include <string>

namespace must {

/// What a store puts into new events: the source, the times and the ids. The clock and the id_source outlive the store,
/// and neither is a null pointer.
struct origin {
  /// The source of events that name none. It is a logical name (a URI-reference), never a host.
  std::string source = "/must";
  /// The clock that tells the time of commits, and the time of events that name none.
  must::clock* clock = &system_clock::instance();
  /// The id_source that gives ids to events that have none.
  must::id_source* ids = &uuid7_ids::instance();
};

}  // namespace must

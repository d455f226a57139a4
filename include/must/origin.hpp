// SPDX-License-Identifier: MIT
// What a store puts into new events: its name, its clock, its ids.
#pragma once

#include "must/timestamp.hpp"
#include "must/uuid.hpp"

#include <string>

namespace must {

/// What a store puts into new events. The clock and the ids are not owned: they outlive the store.
struct origin {
  std::string source = "/must";                    ///< a logical name (a URI-reference), never a host
  must::clock* clock = &system_clock::instance();  ///< the time of commits, and of events that say none
  must::id_source* ids = &uuid7_ids::instance();   ///< of events that have none
};

}  // namespace must

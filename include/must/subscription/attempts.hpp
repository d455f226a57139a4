// SPDX-License-Identifier: MIT
// How often the event at which a lane stands was tried: kept in the store, so that a crash does not forget it.
#pragma once

#include "must/fwd.hpp"
#include "must/storage.hpp"
#include "must/subscription/fenced_cell.hpp"

#include <cstddef>
#include <string>
#include <utility>

namespace must::detail::following {

template <CellStorage S>
class attempt_count {
 public:
  attempt_count(S& storage, const std::string& name, std::size_t lane, const ownership& by)
      : cell_(storage, "must/subscription/" + name + "/attempts/" + std::to_string(lane)), by_(by) {
    if (cell_.get()) take();
  }
  // The attempts that were begun of the event at this position.
  [[nodiscard]] unsigned of(position event) const { return event == event_ ? count_ : 0; }
  // Whether the lane was beyond an event before: then that was handled, and its attempts do not count.
  [[nodiscard]] bool is_beyond(position event) const { return event < event_; }
  // False when the lease is lost.
  bool note(position event, unsigned count) {
    if (by_.epoch != 0) take();
    if (!cell_.write({std::to_string(event), std::to_string(count)})) return false;
    event_ = event;
    count_ = count;
    return true;
  }

 private:
  void take() {
    cell_.take(std::exchange(by_, {}));
    event_ = read_count(cell_.fields(), 0);
    count_ = read_count<unsigned>(cell_.fields(), 1);
  }

  fenced_cell<S> cell_;
  ownership by_;  // until the cell is taken
  position event_ = 0;
  unsigned count_ = 0;
};

}  // namespace must::detail::following

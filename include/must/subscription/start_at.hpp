// SPDX-License-Identifier: MIT
// start_at, public: where a subscription without a checkpoint begins.
#pragma once

#include "must/as_of.hpp"
#include "must/fwd.hpp"
#include "must/timestamp.hpp"

#include <cstdint>

namespace must {

/// The place where a subscription without a checkpoint begins.
class start_at {
 public:
  /// Begins at the first event.
  [[nodiscard]] static start_at origin() { return {kind::after, 0}; }
  /// Begins after what is stored when the first run begins.
  [[nodiscard]] static start_at head() { return {kind::head, 0}; }
  /// Begins at the first event above a position. The first run refuses a position beyond the head of the store
  /// (bad_input).
  [[nodiscard]] static start_at after(position last) { return {kind::after, last}; }
  /// Begins at the first event that was recorded at a time or later. The `recorded_at` of each event decides, not its
  /// `time`.
  [[nodiscard]] static start_at time(timestamp when) { return {kind::time, 0, when}; }

  /// Returns the position in a store above which the subscription begins. For time() it reads about log2(head) events.
  /// \throws storage_error  when the store fails
  template <typename S>
  [[nodiscard]] position in(S& storage) const {
    if (kind_ == kind::after) return after_;
    if (kind_ == kind::head) return storage.head();
    return detail::last_recorded(storage,
                                 [&](const timestamp& recorded) { return recorded.microseconds < when_.microseconds; });
  }

 private:
  enum class kind : std::uint8_t { after, head, time };
  start_at(kind how, position last, timestamp when = {}) : kind_(how), after_(last), when_(when) {}
  kind kind_;
  position after_;
  timestamp when_;
};

}  // namespace must

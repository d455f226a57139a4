// SPDX-License-Identifier: MIT
// The arithmetic of a read: which positions and versions are left, and the read_result in the end.
#pragma once

#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/storage.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace must::kit {

/// The positions and versions that a read has still to examine. Both ends are included.
struct read_bounds {
  direction order = direction::forwards;  ///< The order of the read.
  position low = 1;                       ///< The lowest position. It is at most the highest int64.
  position high = 0;                      ///< The highest position. It is never above the head.
  version low_version = 1;                ///< The lowest version. It is at most the highest int64.
  version high_version{INT64_MAX};        ///< The highest version. It is at most the highest int64.

  /// Returns whether nothing is left.
  [[nodiscard]] bool empty() const noexcept { return low > high || low_version > high_version; }
  /// Returns whether a version lies within. The version 0 of an event without a stream always does.
  [[nodiscard]] bool has_version(version at) const noexcept {
    return at == 0 || (at >= low_version && at <= high_version);
  }
  /// Leaves out an event that the read has visited, and all before it in the order of the read.
  template <typename Data>
  void move_beyond(const recorded<Data>& visited) noexcept {
    order == direction::forwards ? low = visited.position + 1 : high = visited.position - 1;
  }
  /// Leaves out the same by versions, for a store that walks one stream by its versions. Forwards, the positions are no
  /// bound any more.
  template <typename Data>
  void move_beyond_version(const recorded<Data>& visited) noexcept {
    const bool forwards = order == direction::forwards;
    (forwards ? low_version : high_version).value = forwards ? visited.version.value + 1 : visited.version.value - 1;
    if (forwards) low = 1;
  }
};

/// Follows a read from its options to its result: head, scanned, complete, limit and early stop.
///
/// A store makes one when it has captured its head, visits the matching events of `bounds()` in the order of the read
/// until visit() returns false or there are none left, and returns `result()`. It tells the window the event at the
/// head by note_last().
class read_window {
 public:
  /// Begins a read.
  /// \param options  options that check_read() has passed
  /// \param head     the head of the store, captured before the first event
  read_window(const read_options& options, position head) noexcept
      : left_(options.limit ? static_cast<std::uint64_t>(*options.limit) : UINT64_MAX),
        is_over_(left_ == 0),
        wants_last_(options.with_last_event) {
    constexpr version most{INT64_MAX - 1};
    const bool forwards = options.order == direction::forwards;
    const auto end = std::min(options.until, head);
    auto first = std::min(options.after_version, most);
    bounds_ = {options.order, 1, 0, ++first, std::min(options.until_version, most)};
    if (options.after < end) {
      bounds_.low = options.after + 1;
      bounds_.high = end;
    }
    done_ = {.head = head, .scanned = forwards ? options.after : end};
    if (wants_last_ && head == 0) done_.last_event.emplace();
    last_ = forwards ? end : options.after;
  }

  /// Takes the source and the id of the event at the head, for the result if the options ask for it.
  void note_last(std::string_view source, std::string_view id) {
    if (wants_last_ && done_.head != 0) done_.last_event = {done_.head, std::string(source), std::string(id)};
  }

  /// Returns the bounds of the events that are still to be visited. A store that reads in pages moves them.
  [[nodiscard]] read_bounds& bounds() noexcept { return bounds_; }
  /// Returns the bounds of the events that are still to be visited.
  [[nodiscard]] const read_bounds& bounds() const noexcept { return bounds_; }
  /// Returns the highest number of events that are still visited. It is UINT64_MAX when the read has no limit.
  [[nodiscard]] std::uint64_t left() const noexcept { return left_; }
  /// Returns whether the read is over: the limit is reached, the visitor has returned false, or the bounds are empty.
  [[nodiscard]] bool is_over() const noexcept { return is_over_ || bounds_.empty(); }

  /// Hands an event to the visitor. Returns false when the read is over, since the limit is reached or the visitor has
  /// returned false. What the visitor throws passes through.
  template <typename Visitor, typename Data>
  bool visit(Visitor& visitor, const recorded<Data>& record) {
    done_.scanned = record.position;
    const bool goes_on = detail::goes_on_after(visitor, record);
    is_over_ = --left_ == 0 || !goes_on;
    return !is_over_;
  }
  /// Returns the result of the read, which is over. It is complete when neither the limit nor the visitor has ended it.
  [[nodiscard]] read_result result() noexcept {
    auto done = std::move(done_);
    if (!is_over_) {
      done.complete = true;
      done.scanned = last_;
    }
    return done;
  }

 private:
  read_bounds bounds_{};
  read_result done_{};
  position last_ = 0;
  std::uint64_t left_;
  bool is_over_, wants_last_;
};

}  // namespace must::kit

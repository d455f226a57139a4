// SPDX-License-Identifier: MIT
// Where a follower stands in a store that may be restored under it.
#pragma once

#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/storage.hpp"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

namespace must::detail {

class cursor {
 public:
  explicit cursor(std::string who) : who_(std::move(who)) {}  // begins the sentence of an error

  // Everything at or below was read, as far as the query matches it.
  [[nodiscard]] position at() const noexcept { return std::max(taken_, scanned_); }

  // Reads on: `take(event)` says whether the event is done with; else it ends there, and the next time begins with it.
  // What was read last is read once more, if it is near. Throws history_changed when the store is not the one that was
  // read: it ends before, the event taken last is another one, or one has come up to here.
  template <Storage S, typename Take>
  void read_on(S& storage, const query& which, Take&& take) {
    const position before = at(), from = taken_ == 0 ? 0 : taken_ - 1;
    const bool looks_back = before - from <= near && known_ == taken_;
    bool expects_last = looks_back && taken_ != 0, goes_on = true, is_another = false;
    position looked_at_until = expects_last ? std::numeric_limits<position>::max() : before;
    const auto learns_until = before + most_learned;
    const read_options options{.after = looks_back ? from : before};
    const auto read = storage.read(which, options, [&](const auto& event) {
      if (event.position <= looked_at_until) {
        is_another = !expects_last || event.position != taken_ || event.id != last_;
        expects_last = false;
        looked_at_until = before;
        return !is_another;
      }
      goes_on = take(event);
      if (!goes_on) return false;
      taken_ = event.position;
      if (event.position <= learns_until) learn(event);
      return true;
    });
    if (!goes_on) return;
    if (read.head < at()) raise_changed("the store ends at position " + std::to_string(read.head));
    if (is_another || (expects_last && read.complete)) raise_changed("what it has read there is another event now");
    if (known_ != taken_)
      static_cast<void>(
          storage.read(query::all(), {.after = taken_ - 1, .until = taken_}, [&](const auto& event) { learn(event); }));
    if (read.complete) scanned_ = std::max(scanned_, read.scanned);
  }

 private:
  static constexpr position near = 100;  // so that a query that matches little does not walk the same again and again
  static constexpr position most_learned = 1'000;  // of one read: the copies cost more than to read the last again

  void learn(const auto& event) {
    known_ = event.position;
    last_ = event.id;
  }
  [[noreturn]] void raise_changed(const std::string& why) const {
    raise({.code = error_code::history_changed,
           .message = who_ + " stands at position " + std::to_string(at()) + ", but " + why +
                      ": the store was restored or replaced; make another one",
           .event_id = last_,
           .position = at()});
  }

  std::string who_;
  position scanned_ = 0;
  position taken_ = 0, known_ = 0;  // the event taken last, and the one whose id is last_; 0 when there is none
  std::string last_{};
};

}  // namespace must::detail

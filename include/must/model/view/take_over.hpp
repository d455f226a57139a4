// SPDX-License-Identifier: MIT
// Lets one version of a view take the place of another, which is ended, read as it was left, and handed over.
#pragma once

#include "must/detail/rest.hpp"
#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/model/view/state.hpp"
#include "must/storage.hpp"
#include "must/stored_names.hpp"
#include "must/subscription/checkpoint.hpp"
#include "must/subscription/claim.hpp"
#include "must/subscription/fenced_cell.hpp"
#include "must/subscription/follower.hpp"
#include "must/subscription/former_cells.hpp"
#include "must/subscription/parked_event.hpp"
#include "must/subscription/parked_requests.hpp"
#include "must/subscription/progress.hpp"
#include "must/timestamp.hpp"

#include <algorithm>
#include <exception>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace must::detail::model {

inline std::vector<left_event> left_events(const std::vector<parked_event>& parked) {
  std::vector<left_event> left;
  left.reserve(parked.size());
  for (const auto& one : parked) left.push_back({one.position, one.key, one.strict});
  return left;
}

// Returns what a version has certainly done by now, while it may do more. What its lanes are ahead is not in it.
template <CellStorage S>
handed_over done_by(S& storage, const follower& version) {
  const auto found = following::find_cell(storage, version);
  if (!found) return {};
  const auto known = following::checkpoint::of(following::owned_fields::of(found->bytes).fields);
  handed_over done{.at = known.handled.at};
  done.left = left_events(following::parked_of(storage, version, known.since).all);
  return done;
}
// Returns all that a version has done, when the claim on it is held, so that its follower cannot store any more: not
// even in a lane that it has not opened yet.
template <CellStorage S>
handed_over all_done_by(S& storage, const following::claim<S>& held) {
  handed_over done{.at = held.found().handled.at};
  for (unsigned i = 0; i < held.found().lanes; ++i) {
    following::fenced_cell<S> lane(storage, stored_names::beside(held.who().cell(), "lane/" + std::to_string(i)).now);
    lane.take(held.by());
    if (lane.fields().empty()) continue;
    done.lanes.resize(held.found().lanes, done.at);
    done.lanes[i] = following::read_count(lane.fields(), 0);
  }
  following::fenced_cell<S> parked(storage, stored_names::beside(held.who().cell(), "parked").now);
  if (parked.get()) {
    parked.take(held.by());
    done.left = left_events(following::parked_content::of(parked.fields()).all);
  }
  return done;
}

// Announces a version to the one in use, again and again. An announcement that stands still is of one that has died.
template <CellStorage S>
class announcement {
 public:
  // A failure that does not pass ends the wait, too.
  announcement(view_cell<S>& cell, unsigned version, following::progress& counters, std::stop_source& wait)
      : thread_([this, &cell, version, &counters, &wait](const std::stop_token& ended) {
          while (!ended.stop_requested()) {
            try {
              static_cast<void>(cell.change([&](view_state& now) {
                now.wanted = std::max(now.wanted, version);
                ++now.beat;
                return now.active < version;
              }));
            } catch (...) {
              failure_ = std::current_exception();
              if (!may_pass(counters)) {
                wait.request_stop();
                return;
              }
            }
            rest(duration{100'000}, ended);
          }
        }) {}
  // Throws what kept it from announcing for good.
  void end() {
    thread_.request_stop();
    if (thread_.joinable()) thread_.join();
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

 private:
  bool may_pass(following::progress& counters) {
    if (!following::may_pass(failure_)) return false;
    try {
      std::rethrow_exception(std::exchange(failure_, nullptr));
    } catch (const exception& why) {
      counters.note_error(why.error().message);
    }
    return true;
  }
  std::exception_ptr failure_{};
  std::jthread thread_;
};

}  // namespace must::detail::model

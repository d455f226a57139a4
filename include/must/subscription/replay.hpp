// SPDX-License-Identifier: MIT
// Parked events are handled again, when that is asked for.
#pragma once

#include "must/detail/current_error.hpp"
#include "must/fwd.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/storage.hpp"
#include "must/subscription/claim.hpp"
#include "must/subscription/handler_call.hpp"
#include "must/subscription/handling.hpp"
#include "must/subscription/parked.hpp"
#include "must/subscription/progress.hpp"

#include <atomic>
#include <cstdint>
#include <exception>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace must::detail::following {

template <CellStorage S, typename Handler>
class replay {
 public:
  using event_type = recorded<typename S::data_type>;
  using call_type = handler_call<S, Handler>;

  replay(S& storage, const query& which, const call_type& call, handling<S>& handling, claim<S>& claim,
         progress& counters)
      : storage_(storage), which_(which), call_(call), handling_(handling), claim_(claim), counters_(counters) {}

  // The number of a replay that was asked for and is not done.
  [[nodiscard]] std::optional<std::uint64_t> asked() {
    if (parked().size() == 0) return std::nullopt;
    const auto asked = storage_.get(replay_key(claim_.name()));
    if (!asked || asked->revision == parked().replayed()) return std::nullopt;
    return asked->revision;
  }
  // No handler runs beside; everything at or below `handled` is handled or parked.
  void run(std::uint64_t number, position handled) {
    for (const auto& one : parked().all()) run(one, handled);
    if (!stop().stop_requested() && !parked().set_replayed(number)) claim_.raise_lost();
  }

 private:
  [[nodiscard]] parked_list<S>& parked() { return handling_.parked(); }
  [[nodiscard]] const std::stop_token& stop() const { return handling_.stop(); }

  // Handles the event, and those of its key that wait behind it; one that fails again stays, with the new reason.
  void run(parked_event one, position handled) {
    std::optional<std::string> failed;
    const position until = one.strict ? handled : one.position;
    const auto read = storage_.read(which_, {.after = one.position - 1, .until = until}, [&](const event_type& event) {
      if (stop().stop_requested() || !claim_.make_sure(stop())) return false;
      if (partition_key(event) != one.key) return true;
      try {
        return handle(event, one);
      } catch (const thrown_by_handler& why) {
        failed = message_of(why.what);
      } catch (...) {
        failed = message_of(std::current_exception());
      }
      return false;
    });
    if (!failed && !read.complete) return;
    if (failed) {
      one.reason = *failed;
      ++one.attempts;
    }
    const auto left = failed ? std::vector{one} : std::vector<parked_event>{};
    handling_.surely([&] { return parked().replace(one, left); });
  }
  // `one` is done with, or moves on to the event of its key that is next; false at a stop.
  bool handle(const event_type& event, parked_event& one) {
    auto next = one;
    next.position = event.position + 1;
    next.attempts = 0;
    const auto left = one.strict ? std::vector{next} : std::vector<parked_event>{};
    if constexpr (!call_type::is_transactional) call_(event);
    const bool done = handling_.surely([&] {
      if constexpr (call_type::is_transactional)
        return parked().replace_with(one, left, [&](typename S::transaction& in) { call_(in, event); });
      else
        return parked().replace(one, left);
    });
    if (!done) return false;
    one = next;
    counters_.handled.fetch_add(1, std::memory_order_relaxed);
    return true;
  }
  static std::string message_of(const std::exception_ptr& thrown) {
    try {
      std::rethrow_exception(thrown);
    } catch (...) {
      return current_error("handler").message;
    }
  }

  S& storage_;
  const query& which_;
  const call_type& call_;
  handling<S>& handling_;
  claim<S>& claim_;
  progress& counters_;
};

}  // namespace must::detail::following

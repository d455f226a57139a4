// SPDX-License-Identifier: MIT
// What handlers of `must` itself can do beyond handling events.
#pragma once

#include "must/config.hpp"  // IWYU pragma: keep

#include <cstdint>
#include <string>
#include <type_traits>

namespace must::detail::following {

// The base of the handlers of `must` itself. Each of these members is optional:
//   begin_run(stop)   is called before the first event of a run.
//   tick(timed)       is called between events, and returns how long until it has to be called again. What it does at a
//                     certain time, it does by `timed.run(what, work)`, which follows the failure policy.
//   handle(what)      does a piece of timed work again that was parked.
//   give_up(what)     notes that a piece of timed work is passed over for good.
//   batch()           says how many events try_all(events, failed) takes at once.
struct hooks {};

template <typename Handler>
inline constexpr bool has_hooks = std::is_base_of_v<hooks, Handler>;

// What a handler does at a certain time, and not for an event. It stands between two events of its key.
struct timed_work {
  std::string key{};        // What it is parked under.
  std::string decision{};   // The id of the event that has set it.
  std::string type{};       // The type of that event.
  std::string name{};       // Its name, by which it differs from what else that event has set.
  std::uint64_t after = 0;  // Every event at or below this position is handled.
};

}  // namespace must::detail::following

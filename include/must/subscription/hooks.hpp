// SPDX-License-Identifier: MIT
// What only the handlers of `must` itself do beside handling events: a member of such a name in a user's handler is
// the user's own affair.
#pragma once

#include "must/config.hpp"  // IWYU pragma: keep

#include <type_traits>

namespace must::detail::following {

// The base of the handlers of `must` itself. Each of these members is optional:
//   begin_run(stop)   is called before the first event of a run.
//   tick()            is called between events, and returns how long until it has to be called again.
//   batch()           says how many events try_all(events, failed) takes at once.
struct hooks {};

template <typename Handler>
inline constexpr bool has_hooks = std::is_base_of_v<hooks, Handler>;

}  // namespace must::detail::following

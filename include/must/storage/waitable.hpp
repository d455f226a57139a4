// SPDX-License-Identifier: MIT
// WaitableStorage: waiting until a store has come to a position.
#pragma once

#include "must/fwd.hpp"
#include "must/storage.hpp"
#include "must/timestamp.hpp"

#include <concepts>
#include <stop_token>

namespace must {

/// A store that can be waited for.
///
/// `wait_for(position, timeout, stop)` returns when the head is at `position` or beyond, when the timeout has passed,
/// or when a stop is requested. It returns whether the head is there.
template <typename S>
concept WaitableStorage = Storage<S> && requires(S& storage, position until, duration timeout, std::stop_token stop) {
  { storage.wait_for(until, timeout, stop) } -> std::same_as<bool>;
};

}  // namespace must

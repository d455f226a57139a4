// error: must: every subscriber reads this source by a copy of its own
// SPDX-License-Identifier: MIT
#include "must/delivery/stage.hpp"

#include <deque>
#include <optional>

// Takes the next number out of a queue: what one copy has taken, no other copy gives.
auto from(std::deque<int>& queue) {
  return [&queue]() -> std::optional<int> {
    if (queue.empty()) return std::nullopt;
    const int next = queue.front();
    queue.pop_front();
    return next;
  };
}

void run(std::deque<int>& queue) {
#ifdef MUST_COMPILE_FAIL
  static_cast<void>(must::broadcast_producer(must::function_source(from(queue))));
#else
  static_cast<void>(must::demand_producer(must::function_source(from(queue))));
#endif
}

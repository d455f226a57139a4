// SPDX-License-Identifier: MIT
// Waits for several subscriptions at once, until the first of them may have something.
#pragma once

#include "must/timestamp.hpp"

#include <algorithm>
#include <memory>
#include <stop_token>
#include <thread>
#include <vector>

namespace must::detail::stage {

// Returns when one link may have something to send, after the timeout, or at a stop. Each link is waited for in a
// thread of its own, since each source has its own way to wake a thread. All threads have ended on return.
template <typename Link>
void wait_for_any(const std::vector<std::shared_ptr<Link>>& links, duration timeout, const std::stop_token& stop) {
  if (std::any_of(links.begin(), links.end(), [&](const auto& one) { return one->wait(duration{}, stop); })) return;
  std::stop_source ended;
  const std::stop_callback forward(stop, [&] { ended.request_stop(); });
  const auto wait = [&ended, timeout](Link& one) {
    one.wait(timeout, ended.get_token());
    ended.request_stop();
  };
  std::vector<std::jthread> others;
  others.reserve(links.size() - 1);
  try {
    for (auto one = links.begin() + 1; one != links.end(); ++one)
      others.emplace_back([&wait, link = one->get()] { wait(*link); });
  } catch (...) {
    ended.request_stop();
    throw;
  }
  wait(*links.front());
}

}  // namespace must::detail::stage

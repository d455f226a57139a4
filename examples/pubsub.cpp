// SPDX-License-Identifier: MIT
// Two subscribers of one topic: a handler that is called at once, and a slow reader with a small mailbox.
#include <must/delivery/pubsub.hpp>

#include <iostream>
#include <string>

int main() {
  must::pubsub<std::string> bus;

  // Called by the thread that broadcasts, for each message.
  const auto fast =
      bus.subscribe("prices", [](const std::string& price) { std::cout << "at once: " << price << '\n'; });

  // Read when there is time: of more than two prices that wait, only the newest matter.
  must::mailbox<std::string> mailbox({.capacity = 2, .when_full = must::mailbox_policy::drop_oldest});
  const auto slow = bus.subscribe("prices", mailbox);

  for (const std::string price : {"10.00", "10.05", "9.95", "10.10"}) bus.broadcast("prices", price);

  while (const auto price = mailbox.pop()) std::cout << "later: " << *price << '\n';
  std::cout << mailbox.dropped() << " dropped\n";
}

// SPDX-License-Identifier: MIT
// What a store keeps of its subscriptions: they are listed, set back and removed, and parked events are seen to one by
// one.
#include <must/must.hpp>
#include <must/storage/memory.hpp>
#include <must/storage/snapshots.hpp>
#include <must/subscription.hpp>
#include <must/subscriptions.hpp>
#include <must/testing/fixed_origin.hpp>

#include <chrono>
#include <iostream>
#include <stdexcept>
#include <string>

struct Invited {
  static constexpr auto type = "Invited";
  std::string address, host;
  // Events of one key are handled in order. A parked one holds up the later ones of its key.
  [[nodiscard]] std::string partition_key() const { return host; }
};

int main() {
  must::testing::fixed_clock clock("2026-01-01T12:00:00Z");
  must::memory_store<Invited> store({.clock = &clock});
  must::append(store, Invited{"ann", "a.org"}, Invited{"?", "b.org"}, Invited{"bob", "b.org"}, Invited{"?", "c.org"});

  bool repaired = false;
  const auto send = must::handler_of<Invited>([&](const Invited& event) {
    if (!repaired && event.address == "?") throw std::runtime_error("no address at " + event.host);
    std::cout << "mail to " << event.address << " at " << event.host << '\n';
  });
  must::subscription mails(store, "mails", send, {.on_failure = {.then = must::failure_action::park}});
  mails.run_once();

  must::subscriptions all(store);  // In another process, as a rule.
  for (const auto& one : all.list())
    std::cout << one.name.name() << " is at " << one.checkpoint << ", parked " << one.parked << ", behind those "
              << one.waiting_behind << ", last error: " << one.last_error << '\n';
  for (const auto& event : all.parked("mails"))
    std::cout << event.position << " of " << event.key << ": " << event.reason << '\n';

  repaired = true;
  all.replay("mails", 2);  // and then those that wait behind it
  all.drop("mails", 4);
  mails.run_once();

  clock.advance(std::chrono::hours(1));
  const auto since = clock.now();
  must::append(store, Invited{"dan", "d.org"});
  mails.run_once();
  all.reset("mails", must::start_at::time(since));  // dan gets another mail
  mails.run_once();
  all.remove("mails");
  std::cout << "left: " << all.list().size() << '\n';

  std::cout << "snapshots removed: " << must::remove_snapshots(store, store.head()) << '\n';
}

// SPDX-License-Identifier: MIT
// A subscription: it goes on where it stopped, and sets aside what it cannot handle until somebody has seen to it.
#include <must/must.hpp>
#include <must/storage/memory.hpp>
#include <must/subscription.hpp>

#include <chrono>
#include <iostream>
#include <stdexcept>
#include <string>

struct Invited {
  static constexpr auto type = "Invited";
  std::string stream, address;
};
using store_type = must::memory_store<Invited>;

int main() {
  store_type store;
  must::append(store, Invited{"ann", "ann@example.org"}, Invited{"bob", "bob at home"},
               Invited{"bob", "bob@example.org"}, Invited{"cem", "cem@example.org"});

  bool repaired = false;
  const auto send = [&](const must::recorded<store_type::data_type>& event) {
    const auto& address = event.data.get<Invited>().address;
    if (!repaired && address.find('@') == std::string::npos) throw std::runtime_error("no address: " + address);
    std::cout << event.position << ": mail to " << address << '\n';
  };

  // Three attempts; then the event is parked, and the later ones of its stream wait behind it, in order.
  must::subscription mails(
      store, "mails", must::query::of<Invited>(), send,
      {.on_failure = {.attempts = 3, .delay = std::chrono::milliseconds(1), .then = must::failure_action::park}});
  mails.run_once();
  for (const auto& event : mails.parked())
    std::cout << event.position << " is parked after " << event.attempts << " attempts: " << event.reason << '\n';

  repaired = true;
  mails.replay_parked();
  must::append(store, Invited{"dan", "dan@example.org"});
  mails.run_once();  // run(stop_token) goes on for ever
}

// SPDX-License-Identifier: MIT
#include "users.hpp"

#include <must/cloudevents.hpp>
#include <must/testing/fixed_origin.hpp>

#include <iostream>

int main() {
  must::testing::fixed_clock clock("2026-01-01T12:00:00Z");
  must::testing::counting_ids ids;
  Users store({.source = "/users", .clock = &clock, .ids = &ids});

  const auto done = first(store, Actor{1, true, "admin"});
  std::cout << "stored user " << done.events[0].user_id << " at position " << done.last << '\n';
  std::cout << "refused: " << second(store, Actor{2, true, "guest"}).message << '\n';
  for (const auto& event : must::events_in(store, must::query::all()))
    std::cout << must::cloudevents::to_json(event, 2) << '\n';
}

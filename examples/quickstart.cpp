// SPDX-License-Identifier: MIT
#include <must/cloudevents.hpp>
#include <must/codec/json.hpp>
#include <must/must.hpp>
#include <must/storage/memory.hpp>
#include <must/testing/fixed_origin.hpp>

#include <iostream>

struct Actor {
  int id;
  bool active;
  std::string role;
};

struct UserActivated {
  static constexpr auto type = "UserActivated";
  int user_id;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(UserActivated, user_id)

struct ActivateUser {
  int user_id;
  bool be_authorized(const Actor& by) const { return by.active && by.id != user_id && by.role == "admin"; }
  void be_valid(const Actor&) const { must::ensure(user_id > 0, "user_id must be positive"); }
  UserActivated be_translated_to_events(const Actor&) const { return {user_id}; }
};

int main() {
  must::testing::fixed_clock clock("2026-01-01T12:00:00Z");  // so that the output is the same every time
  must::testing::counting_ids ids;
  must::memory_store<UserActivated> store({.source = "/users", .clock = &clock, .ids = &ids});
  const auto done = must::process_command(ActivateUser{123}, store, Actor{1, true, "admin"});
  std::cout << "stored user " << done.events[0].user_id << " at position " << done.last << '\n';
  const auto refused = must::try_process_command(ActivateUser{123}, store, Actor{2, true, "guest"});
  std::cout << "refused: " << refused.error().message << '\n';

  for (const auto& event : must::events_in(store, must::query::all()))
    std::cout << must::cloudevents::to_json(event, 2) << '\n';
}

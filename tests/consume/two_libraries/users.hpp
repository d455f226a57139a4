// SPDX-License-Identifier: MIT
// What the two libraries and the program share: the quickstart's command, event and store.
#pragma once

#include <must/codec/json.hpp>
#include <must/must.hpp>
#include <must/storage/memory.hpp>

#include <string>

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

using Users = must::memory_store<UserActivated>;
must::processed<UserActivated> first(Users& store, const Actor& by);
must::error second(Users& store, const Actor& by);

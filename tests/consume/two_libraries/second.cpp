// SPDX-License-Identifier: MIT
#include "users.hpp"

#include <cstdlib>

// The prototype of every command that has no rules of its own; forbidden in the other library.
template <>
struct must::command_traits<must::any> {
  static bool be_authorized(const auto&) { return true; }
  static bool be_valid(const auto&) { return true; }
  static UserActivated be_translated_to_events(const auto& command) { return {command.id}; }
};
struct Prototype {
  int id;
};

must::error second(Users& store, const Actor& by) {
  must::memory_store<UserActivated> own;
  if (must::process_command(Prototype{7}, own).events.at(0).user_id != 7) std::abort();
  try {
    must::process_command(ActivateUser{123}, store, by);
  } catch (const must::unauthorized& refused) {
    return refused.error();
  }
  return {};
}

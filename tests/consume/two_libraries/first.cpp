// SPDX-License-Identifier: MIT
#include "users.hpp"

must::processed<UserActivated> first(Users& store, const Actor& by) {
  (void)must::try_process_command(ActivateUser{0}, store, by);
  return must::process_command(ActivateUser{123}, store, by);
}

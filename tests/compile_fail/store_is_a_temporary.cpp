// error: must: the store is a temporary, and its events would end with it: give it a name
// lines: 16 30
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

struct Command {
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  Done be_translated_to_events() const { return {}; }
};

void run() {
#ifdef MUST_COMPILE_FAIL
  must::process_command(Command{}, declared_store<Done>{});
#else
  must::process_command(Command{}, store);
#endif
}

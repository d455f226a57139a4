// error: must: the second argument is not a Storage
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

struct Nothing {};
Nothing nothing;
struct Command {
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  Done be_translated_to_events() const { return {}; }
};

void run() {
#ifdef MUST_COMPILE_FAIL
  must::process_command(Command{}, nothing);
#else
  must::process_command(Command{}, store);
#endif
}

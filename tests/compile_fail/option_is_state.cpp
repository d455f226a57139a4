// error: must: an option is a state: states come from depends_on
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

struct Account {
  using events = must::events<Done>;
  void apply(const Done&) {}
};
struct Command {
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  Done be_translated_to_events() const { return {}; }
};

void run() {
#ifdef MUST_COMPILE_FAIL
  must::process_command(Command{}, store, Account{});
#else
  must::process_command(Command{}, store, 5);
#endif
}

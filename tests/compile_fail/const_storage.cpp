// error: must: the second argument is not a Storage
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

struct Command {
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  Done be_translated_to_events() const { return {}; }
};

void run(const declared_store<Done>& fixed, declared_store<Done>& open) {
  static_cast<void>(fixed), static_cast<void>(open);
#ifdef MUST_COMPILE_FAIL
  must::process_command(Command{}, fixed);
#else
  must::process_command(Command{}, open);
#endif
}

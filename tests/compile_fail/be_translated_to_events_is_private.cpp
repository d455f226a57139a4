// error: must: be_translated_to_events of the command cannot be called: make it public if it is private
// lines: 16 30
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

class Command {
 public:
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;

#ifdef MUST_COMPILE_FAIL
 private:
#endif
  Done be_translated_to_events() const { return {}; }
};

void run() { must::process_command(Command{}, store); }

// error: must: be_valid of the command cannot be called: make it public if it is private
// lines: 16 30
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

class Command {
 public:
  static constexpr auto be_authorized = must::anyone;
  Done be_translated_to_events() const { return {}; }

#ifdef MUST_COMPILE_FAIL
 private:
#endif
  bool be_valid() const { return true; }
};

void run() { must::process_command(Command{}, store); }

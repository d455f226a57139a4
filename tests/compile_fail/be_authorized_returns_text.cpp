// error: must: be_authorized returns neither void, bool, must::refusal, must::result<void>, a command nor a must::result of one
// lines: 16 30
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

struct Command {
#ifdef MUST_COMPILE_FAIL
  std::string be_authorized() const { return {}; }
#else
  bool be_authorized() const { return true; }
#endif
  static constexpr auto be_valid = must::always;
  Done be_translated_to_events() const { return {}; }
};

void run() { must::process_command(Command{}, store); }

// error: must: be_valid returns neither void, bool, must::refusal, must::result<void>, a command nor a must::result of one
// lines: 16 30
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

struct Command {
  static constexpr auto be_authorized = must::anyone;
#ifdef MUST_COMPILE_FAIL
  std::vector<std::string> be_valid() const { return {}; }
#else
  bool be_valid() const { return true; }
#endif
  Done be_translated_to_events() const { return {}; }
};

void run() { must::process_command(Command{}, store); }

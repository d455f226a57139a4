// error: must: be_translated_to_events returns something that is no event: an event is a class
// lines: 16 30
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

struct Command {
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
#ifdef MUST_COMPILE_FAIL
  std::vector<int> be_translated_to_events() const { return {1}; }
#else
  std::vector<Done> be_translated_to_events() const { return {}; }
#endif
};

void run() { must::process_command(Command{}, store); }

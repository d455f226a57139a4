// error: must: be_authorized returns neither void
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

struct Command {
#ifdef MUST_COMPILE_FAIL
  std::string be_authorized() const { return "no"; }
#else
  must::refusal be_authorized() const { return "no"; }
#endif
  static constexpr auto be_valid = must::always;
  Done be_translated_to_events() const { return {}; }
};

void run() { must::process_command(Command{}, store); }

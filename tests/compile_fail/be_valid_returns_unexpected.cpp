// error: must: be_valid returns neither void, bool, must::refusal
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

struct Command {
  static constexpr auto be_authorized = must::anyone;
#ifdef MUST_COMPILE_FAIL
  auto be_valid() const { return must::refuse("no"); }
#else
  must::result<void> be_valid() const { return must::refuse("no"); }
#endif
  Done be_translated_to_events() const { return {}; }
};

void run() { must::process_command(Command{}, store); }

// error: must: expected_version needs a command about one stream: it has no depends_on, and none of its events has a stream
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

struct Rung {
  static constexpr auto type = "Rung";
#ifndef MUST_COMPILE_FAIL
  std::string stream;
#endif
};
struct Ring {
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  Rung be_translated_to_events() const { return {}; }
};
void ring(declared_store<Rung>& rings) { must::process_command(Ring{}, rings, must::expected_version{1}); }

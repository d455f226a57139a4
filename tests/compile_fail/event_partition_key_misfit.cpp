// error: must: partition_key of this event is neither a text nor a const function that returns one
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

struct Event {
#ifdef MUST_COMPILE_FAIL
  int partition_key{};
#else
  std::string partition_key{};
#endif
};
declared_store<Event> events;
struct Command {
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  Event be_translated_to_events() const { return {}; }
};

void run() { must::process_command(Command{}, events); }

// error: must: this event has no plain name: add static constexpr auto type
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

template <typename T>
struct Event {
#ifdef MUST_COMPILE_FAIL
#else
  static constexpr auto type = "event";
#endif
};
declared_store<Event<int>> events;
struct Command {
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  Event<int> be_translated_to_events() const { return {}; }
};

void run() { must::process_command(Command{}, events); }

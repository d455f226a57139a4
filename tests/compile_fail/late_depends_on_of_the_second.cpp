// error: must: the command that a rule refines this one to has a depends_on, which would come too late
// SPDX-License-Identifier: MIT
#include "declared_store.hpp"

struct Account {
  using events = must::events<Done>;
  void apply(const Done&) {}
};
struct Last {
  Done be_translated_to_events() const { return {}; }
};
struct Refined {
#ifdef MUST_COMPILE_FAIL
  auto depends_on() const { return must::stream<Account>("a"); }
#endif
  Last be_valid() const { return {}; }
};
struct Command {
  Refined be_authorized() const { return {}; }
  static constexpr auto be_valid = must::always;
  Done be_translated_to_events() const { return {}; }
};

void run() { must::process_command(Command{}, store); }

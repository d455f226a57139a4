// error: must: a command is refused as unauthorized, invalid or version_conflict
// SPDX-License-Identifier: MIT
#include "must/testing/given.hpp"

struct Done {
  static constexpr auto type = "Done";
};
struct Command {
  static constexpr auto be_authorized = must::anyone;
  bool be_valid() const { return false; }
  Done be_translated_to_events() const { return {}; }
};

void run() {
#ifdef MUST_COMPILE_FAIL
  must::testing::given().when(Command{}).then_refused<must::storage_error>();
#else
  must::testing::given().when(Command{}).then_refused<must::invalid>();
#endif
}

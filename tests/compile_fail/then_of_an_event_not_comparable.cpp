// error: must: an expected event has neither an == nor up to 16 public members to compare
// SPDX-License-Identifier: MIT
#include "must/testing/given.hpp"

class Done {
 public:
  static constexpr auto type = "Done";
#ifdef MUST_COMPILE_FAIL
#else
  bool operator==(const Done&) const = default;
#endif

 private:
  int number_ = 0;
};
struct Command {
  static constexpr auto be_authorized = must::anyone;
  static constexpr auto be_valid = must::always;
  Done be_translated_to_events() const { return {}; }
};

void run() { must::testing::given().when(Command{}).then(Done{}); }

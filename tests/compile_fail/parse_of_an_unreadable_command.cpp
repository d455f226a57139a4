// error: must: nlohmann_json cannot read the command: give it a from_json or NLOHMANN_DEFINE_TYPE_INTRUSIVE
// SPDX-License-Identifier: MIT
#include "must/codec/json.hpp"

struct Command {
  int number = 0;
#ifdef MUST_COMPILE_FAIL
#else
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(Command, number)
#endif
};

bool run(const nlohmann::json& document) { return must::try_parse<Command>(document).has_value(); }

// SPDX-License-Identifier: MIT
// log_store for the list of stores: over the log in memory of the example.
#pragma once

#include "../../examples/log_of_your_own/stores_on_a_log.hpp"

#include <string>

namespace must_test {

// It is durable as long as the process, and so not for tests of several processes.
struct log_fixture : stores_on_a_log {
  using on_a_log = void;
  static std::string name() { return "log_store"; }
  static std::string tags() { return "[log]"; }
  static bool is_available() { return true; }
};

}  // namespace must_test

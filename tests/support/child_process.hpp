// SPDX-License-Identifier: MIT
// Work in a process of its own.
#pragma once

#include "support/catch.hpp"

#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cstdio>
#include <exception>

namespace must_test {

// Runs `work` in a process of its own, which ends with it.
template <typename Work>
::pid_t start_process(Work&& work) {
  const auto child = ::fork();
  REQUIRE(child >= 0);
  if (child != 0) return child;
  int code = 0;
  try {
    work();
  } catch (const std::exception& why) {
    std::fprintf(stderr, "child: %s\n", why.what());
    code = 1;
  }
  ::_exit(code);
}
inline int wait_for_process(::pid_t child, int flags = 0) {
  int status = 0;
  REQUIRE(::waitpid(child, &status, flags) == child);
  return status;
}

}  // namespace must_test

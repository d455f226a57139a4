// SPDX-License-Identifier: MIT
// A process that is killed at a system call of its own, by its number.
#pragma once

#include "support/child_process.hpp"

#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>
#include <optional>
#include <string>

namespace must_test {

// Runs `work` in a process of its own, and kills it before the system call of that number, counted from 1. Returns
// whether the work has come to its end before.
template <typename Work>
bool run_stepped(unsigned call, Work&& work) {
  const auto child = start_process([&] {
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0 || ::raise(SIGSTOP) != 0) ::_exit(2);
    work();
  });
  static_cast<void>(wait_for_process(child));
  // A call stops the process twice: before it, and behind it.
  for (unsigned stops = 0; stops < 2 * call + 1; ++stops) {
    if (::ptrace(PTRACE_SYSCALL, child, nullptr, nullptr) != 0) break;
    if (const int status = wait_for_process(child); WIFEXITED(status)) {
      REQUIRE(WEXITSTATUS(status) == 0);
      return true;
    }
  }
  ::kill(child, SIGKILL);
  static_cast<void>(wait_for_process(child));
  return false;
}
// Returns why no process can be run so, or nothing when one can.
inline std::optional<std::string> why_not_stepped() {
  const auto child = start_process([] { ::_exit(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0 ? 0 : 1); });
  if (wait_for_process(child) == 0) return std::nullopt;
  return "the system lets no process be traced";
}

}  // namespace must_test

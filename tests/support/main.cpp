// SPDX-License-Identifier: MIT
// The main function of every test executable. An assertion on another thread than that of the tests ends it: Catch2's
// assertions are no threads' business, and what races there fails now and then only.
#define CATCH_CONFIG_RUNNER
#include "catch.hpp"

#include <cstdlib>
#include <iostream>
#include <thread>

namespace {

const std::thread::id thread_of_tests = std::this_thread::get_id();

struct one_thread : Catch::EventListenerBase {
  using Catch::EventListenerBase::EventListenerBase;

  void assertionStarting(const Catch::AssertionInfo& what) override {
    if (std::this_thread::get_id() == thread_of_tests) return;
    std::cerr << what.lineInfo << ": an assertion on another thread than that of the tests" << std::endl;
    std::abort();
  }
};
CATCH_REGISTER_LISTENER(one_thread)

}  // namespace

int main(int count, char* arguments[]) { return Catch::Session().run(count, arguments); }

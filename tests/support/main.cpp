// SPDX-License-Identifier: MIT
// The main function of every test executable.
#define CATCH_CONFIG_RUNNER
#include "catch.hpp"

int main(int count, char* arguments[]) { return Catch::Session().run(count, arguments); }

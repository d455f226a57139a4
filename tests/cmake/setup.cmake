# SPDX-License-Identifier: MIT
# What cmake/setup.sh says where it can install nothing.
add_test(NAME "setup: says what to install where it cannot" COMMAND "${CMAKE_COMMAND}"
  -D "setup=${PROJECT_SOURCE_DIR}/cmake/setup.sh" -D "work=${CMAKE_CURRENT_BINARY_DIR}/bare_machine"
  -P "${CMAKE_CURRENT_SOURCE_DIR}/cmake/scripts/setup.cmake")

# SPDX-License-Identifier: MIT
# Each server of servers/ starts, answers, comes back after a crash and stops; one that is not there is skipped, and says why.
# The label servers is for all that needs more than cmake/setup.sh test installs: `ctest --preset servers` runs it.
file(GLOB files CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/servers/*.sh")
foreach(file IN LISTS files)
  cmake_path(GET file STEM name)
  add_test(NAME "servers: ${name}" COMMAND "${file}" try)
  set_tests_properties("servers: ${name}" PROPERTIES LABELS servers SKIP_RETURN_CODE 77 TIMEOUT 600)
endforeach()

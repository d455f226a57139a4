# SPDX-License-Identifier: MIT
# What the README shows is what is compiled and run. See support/readme.cmake.
separate_arguments(flags NATIVE_COMMAND "${CMAKE_CXX_FLAGS}")
add_test(NAME "readme: its programs are the files it names, its snippets compile" COMMAND "${CMAKE_COMMAND}"
  -D "root=${PROJECT_SOURCE_DIR}" -D "all_headers=${CMAKE_CURRENT_BINARY_DIR}/support/all_headers.hpp"
  -D "scratch=${CMAKE_CURRENT_BINARY_DIR}/readme"
  -P "${CMAKE_CURRENT_SOURCE_DIR}/support/readme.cmake"
  -- "${CMAKE_CXX_COMPILER}" ${flags} "${CMAKE_CXX20_STANDARD_COMPILE_OPTION}" "-I${PROJECT_SOURCE_DIR}/include")
set_tests_properties("readme: its programs are the files it names, its snippets compile" PROPERTIES LABELS readme)

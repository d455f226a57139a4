# SPDX-License-Identifier: MIT
# `coverage`: runs the tests, then prints which lines of include/ they have not run. With clang's own instruments.
cmake_path(GET CMAKE_CXX_COMPILER FILENAME compiler)
string(REGEX MATCH "-[0-9]+$" suffix "${compiler}")
find_program(MUST_LLVM_COV llvm-cov${suffix} REQUIRED)
find_program(MUST_LLVM_PROFDATA llvm-profdata${suffix} REQUIRED)
get_property(programs DIRECTORY "${PROJECT_SOURCE_DIR}/tests" PROPERTY BUILDSYSTEM_TARGETS)
list(FILTER programs INCLUDE REGEX "_tests$|_fuzz$")
list(TRANSFORM programs REPLACE "(.+)" "$<TARGET_FILE:\\1>" OUTPUT_VARIABLE files)
add_custom_target(coverage
  COMMAND "${CMAKE_COMMAND}" -D "files=${files}" -D "ctest=${CMAKE_CTEST_COMMAND}"
    -D "cov=${MUST_LLVM_COV}" -D "profdata=${MUST_LLVM_PROFDATA}" -D least=95
    -P "${PROJECT_SOURCE_DIR}/tests/cmake/scripts/coverage.cmake"
  WORKING_DIRECTORY "${PROJECT_BINARY_DIR}" USES_TERMINAL VERBATIM)
add_dependencies(coverage ${programs})

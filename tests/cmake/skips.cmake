# SPDX-License-Identifier: MIT
# After its last test ctest says why tests were skipped.
file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/CTestCustom.cmake" CONTENT "set(CTEST_CUSTOM_POST_TEST
  \"\\\"@CMAKE_COMMAND@\\\" -D \\\"folder=@PROJECT_BINARY_DIR@/Testing/Temporary\\\" -P \\\"@CMAKE_CURRENT_SOURCE_DIR@/cmake/scripts/skips.cmake\\\"\")
" @ONLY)

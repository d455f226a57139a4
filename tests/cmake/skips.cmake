# SPDX-License-Identifier: MIT
# After its last test ctest says why tests were skipped. must_skip(<test> <label> <what> <why>): a test that cannot be
# made here is skipped, and fails where MUST_EXPECTED names <what>.
function(must_skip test label what why)
  add_test(NAME "${test}" COMMAND "${CMAKE_COMMAND}" -D "what=${what}" -D "why=${why}"
    -P "${CMAKE_CURRENT_SOURCE_DIR}/cmake/scripts/skip.cmake")
  set_tests_properties("${test}" PROPERTIES LABELS ${label} SKIP_REGULAR_EXPRESSION "skipped: ")
endfunction()

file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/CTestCustom.cmake" CONTENT "set(CTEST_CUSTOM_POST_TEST
  \"\\\"@CMAKE_COMMAND@\\\" -D \\\"folder=@PROJECT_BINARY_DIR@/Testing/Temporary\\\" -P \\\"@CMAKE_CURRENT_SOURCE_DIR@/cmake/scripts/skips.cmake\\\"\")
" @ONLY)

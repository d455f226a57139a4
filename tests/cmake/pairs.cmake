# SPDX-License-Identifier: MIT
# The table of pairs of features names tests that exist. The others show that the script finds what it looks for.
function(must_pairs test table)
  add_test(NAME "pairs: ${test}" COMMAND "${CMAKE_COMMAND}" -D "table=${table}" -D "tests=${CMAKE_CURRENT_SOURCE_DIR}"
    -P "${CMAKE_CURRENT_SOURCE_DIR}/cmake/scripts/pairs.cmake")
  set_tests_properties("pairs: ${test}" PROPERTIES LABELS pairs)
endfunction()
must_pairs("each two features have a test, or a reason" "${CMAKE_CURRENT_SOURCE_DIR}/pairs.md")

set(wrong "${CMAKE_CURRENT_BINARY_DIR}/pairs")
set(one_row "| a | a | No meaning: none. |\n")
file(WRITE "${wrong}/gone.md" "Features: a.\n| a | a | `stored_names.test.cpp`: \"a test that is gone\" |\n")
file(WRITE "${wrong}/missing.md" "Features: a, b.\n${one_row}| b | b | `stored_names.test.cpp`: \"stored_names: \" |\n")
file(WRITE "${wrong}/empty.md" "Features: a.\n| a | a | later |\n")
must_pairs("a test that is gone is found" "${wrong}/gone.md")
must_pairs("a pair without a row is found" "${wrong}/missing.md")
must_pairs("a row without a test and a reason is found" "${wrong}/empty.md")
set_tests_properties("pairs: a test that is gone is found" PROPERTIES
  PASS_REGULAR_EXPRESSION "no test of stored_names.test.cpp is named")
set_tests_properties("pairs: a pair without a row is found" PROPERTIES
  PASS_REGULAR_EXPRESSION "a with b has no row")
set_tests_properties("pairs: a row without a test and a reason is found" PROPERTIES
  PASS_REGULAR_EXPRESSION "a with a names no test, and no reason")

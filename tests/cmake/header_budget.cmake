# SPDX-License-Identifier: MIT
# What including must costs: preprocessed lines (counted with GCC), standard headers that the core does not reach, and
# no header longer than a reader can bear. See scripts/header_budget.cmake.
function(must_header_budget header most)
  add_test(NAME "header_budget: ${header}" COMMAND "${CMAKE_COMMAND}"
    -D header=${header} -D most=${most} -D id=${CMAKE_CXX_COMPILER_ID}
    -P "${CMAKE_CURRENT_SOURCE_DIR}/cmake/scripts/header_budget.cmake"
    -- "${CMAKE_CXX_COMPILER}" "${CMAKE_CXX20_STANDARD_COMPILE_OPTION}" "-I${PROJECT_SOURCE_DIR}/include")
  set_tests_properties("header_budget: ${header}" PROPERTIES LABELS header_budget)
endfunction()

must_header_budget(must/must.hpp 45000)
must_header_budget(must/command.hpp 8000)
must_header_budget(must/event.hpp 8000)

set(test "header_budget: no header is longer than 400 lines, and half have at most 140")
add_test(NAME "${test}" COMMAND "${CMAKE_COMMAND}" -D "folder=${PROJECT_SOURCE_DIR}/include" -D most=400 -D median=140
  -P "${CMAKE_CURRENT_SOURCE_DIR}/cmake/scripts/header_length.cmake")
set_tests_properties("${test}" PROPERTIES LABELS header_budget)

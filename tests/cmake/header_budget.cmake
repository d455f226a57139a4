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

add_test(NAME "header_budget: no header is longer than 500 lines" COMMAND "${CMAKE_COMMAND}"
  -D "folder=${PROJECT_SOURCE_DIR}/include" -P "${CMAKE_CURRENT_SOURCE_DIR}/cmake/scripts/header_length.cmake")
set_tests_properties("header_budget: no header is longer than 500 lines" PROPERTIES LABELS header_budget)

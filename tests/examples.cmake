# SPDX-License-Identifier: MIT
# Each example prints examples/<name>.output, byte for byte. Those that run threads are labelled `race`.
if(NOT MUST_BUILD_EXAMPLES)
  return()
endif()
file(GLOB examples CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}/examples" "${PROJECT_SOURCE_DIR}/examples/*.cpp")
foreach(source IN LISTS examples)
  string(REPLACE ".cpp" "" name "${source}")
  if(NOT TARGET example_${name})
    continue()
  endif()
  add_test(NAME "example: ${name}" COMMAND "${CMAKE_COMMAND}"
    -D "program=$<TARGET_FILE:example_${name}>"
    -D "expected=${PROJECT_SOURCE_DIR}/examples/${name}.output"
    -P "${CMAKE_CURRENT_SOURCE_DIR}/support/compare_output.cmake")
  set_tests_properties("example: ${name}" PROPERTIES LABELS example)
  file(STRINGS "${PROJECT_SOURCE_DIR}/examples/${source}" threads REGEX "#include <(thread|future)>")
  if(threads)
    set_tests_properties("example: ${name}" PROPERTIES LABELS "example;race")
  endif()
endforeach()

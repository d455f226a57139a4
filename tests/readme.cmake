# SPDX-License-Identifier: MIT
# What the README and the pages of the reference show is what is compiled and run. See support/readme.cmake.
separate_arguments(flags NATIVE_COMMAND "${CMAKE_CXX_FLAGS}")
set(folders "")
foreach(target IN ITEMS SQLite::SQLite3 PostgreSQL::PostgreSQL)
  if(TARGET ${target})
    get_target_property(named ${target} INTERFACE_INCLUDE_DIRECTORIES)
    list(APPEND folders ${named})
  endif()
endforeach()
list(REMOVE_DUPLICATES folders)
list(REMOVE_ITEM folders /usr/include)
list(TRANSFORM folders PREPEND "-I")
file(GLOB pages CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/cmake/docs/pages/*.md")
foreach(page IN LISTS pages ITEMS README.md)
  cmake_path(GET page STEM name)
  string(TOLOWER "${name}" name)
  set(test "${name}: its programs are the files it names, its snippets compile")
  add_test(NAME "${test}" COMMAND "${CMAKE_COMMAND}" -D "root=${PROJECT_SOURCE_DIR}" -D "page=${page}"
    -D "all_headers=${CMAKE_CURRENT_BINARY_DIR}/support/all_headers.hpp"
    -D "scratch=${CMAKE_CURRENT_BINARY_DIR}/readme/${name}"
    -P "${CMAKE_CURRENT_SOURCE_DIR}/support/readme.cmake"
    -- "${CMAKE_CXX_COMPILER}" ${flags} "${CMAKE_CXX20_STANDARD_COMPILE_OPTION}" "-I${PROJECT_SOURCE_DIR}/include" ${folders})
  set_tests_properties("${test}" PROPERTIES LABELS readme)
endforeach()

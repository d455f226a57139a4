# SPDX-License-Identifier: MIT
# What the README and the pages of the reference show is what is compiled and run. See scripts/readme.cmake.
file(GLOB pages CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/cmake/docs/pages/*.md")
foreach(page IN LISTS pages ITEMS README.md)
  cmake_path(GET page STEM name)
  string(TOLOWER "${name}" name)
  set(test "${name}: its programs are the files it names")
  add_test(NAME "${test}" COMMAND "${CMAKE_COMMAND}" -D "root=${PROJECT_SOURCE_DIR}" -D "page=${page}"
    -P "${CMAKE_CURRENT_SOURCE_DIR}/cmake/scripts/readme.cmake")
  set_tests_properties("${test}" PROPERTIES LABELS readme)
endforeach()

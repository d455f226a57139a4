# SPDX-License-Identifier: MIT
# Reads MUST_VERSION from include/must/version.hpp, its one source.
file(READ "${CMAKE_CURRENT_LIST_DIR}/../include/must/version.hpp" must_version_header)
set(MUST_VERSION "")
foreach(must_version_part IN ITEMS MAJOR MINOR PATCH)
  if(NOT must_version_header MATCHES "#define MUST_VERSION_${must_version_part} ([0-9]+)")
    message(FATAL_ERROR "include/must/version.hpp does not define MUST_VERSION_${must_version_part}")
  endif()
  string(APPEND MUST_VERSION ".${CMAKE_MATCH_1}")
endforeach()
string(SUBSTRING "${MUST_VERSION}" 1 -1 MUST_VERSION)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${CMAKE_CURRENT_LIST_DIR}/../include/must/version.hpp")

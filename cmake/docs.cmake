# SPDX-License-Identifier: MIT
# `docs`: the reference documentation as HTML, from the doc comments and docs/pages. Any warning is an error.
find_package(Doxygen 1.9.4 REQUIRED)
configure_file("${PROJECT_SOURCE_DIR}/cmake/docs/Doxyfile.in" "${PROJECT_BINARY_DIR}/Doxyfile" @ONLY)
file(MAKE_DIRECTORY "${PROJECT_BINARY_DIR}/docs")
add_custom_target(docs
  COMMAND Doxygen::doxygen "${PROJECT_BINARY_DIR}/Doxyfile"
  COMMAND "${CMAKE_COMMAND}" -E echo "the reference: ${PROJECT_BINARY_DIR}/docs/html/index.html"
  VERBATIM)

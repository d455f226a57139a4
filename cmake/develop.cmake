# SPDX-License-Identifier: MIT
# must_dev: what tests, examples and benchmarks are compiled with. Never part of what users link.
if(PROJECT_IS_TOP_LEVEL AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(MUST_CCACHE ccache)
  mark_as_advanced(MUST_CCACHE)
  if(MUST_CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER "${MUST_CCACHE}")
  endif()
endif()

find_package(Threads REQUIRED)
add_library(must_dev INTERFACE)
target_compile_options(must_dev INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror)
target_link_libraries(must_dev INTERFACE must ${must_component_targets} Threads::Threads)

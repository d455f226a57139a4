# SPDX-License-Identifier: MIT
# Every header compiles alone, so that none needs another before it: the target `headers`, without code or objects.
# All headers in one translation unit, in order and in reverse: of any two, each stands before the other in one of them,
# so that none breaks what follows it. odr.cpp is the first of them in C++20, linked next to the tests.
set(stamps "")
foreach(target IN ITEMS must ${must_component_targets})
  get_target_property(headers ${target} HEADER_SET)
  foreach(header IN LISTS headers)
    cmake_path(RELATIVE_PATH header BASE_DIRECTORY "${PROJECT_SOURCE_DIR}/include" OUTPUT_VARIABLE name)
    set(stamp "${CMAKE_CURRENT_BINARY_DIR}/headers/${name}.stamp")
    must_syntax("${stamp}" "${name}" "${header}" -include "${header}" -x c++ /dev/null)
    list(APPEND stamps "${stamp}")
  endforeach()
endforeach()
add_custom_target(headers ALL DEPENDS ${stamps})

# must_headers(<name> <order> <flag>...)
function(must_headers name order)
  add_test(NAME "headers: ${name}" COMMAND ${CMAKE_CXX_COMPILER} ${must_syntax_flags} ${ARGN} "${must_syntax_folders}"
    -fsyntax-only -x c++ "${CMAKE_CURRENT_BINARY_DIR}/support/${order}.hpp" COMMAND_EXPAND_LISTS)
  set_tests_properties("headers: ${name}" PROPERTIES LABELS headers)
endfunction()

must_headers("in reverse" all_headers_reversed ${CMAKE_CXX20_STANDARD_COMPILE_OPTION})
must_headers("C++23" all_headers ${CMAKE_CXX23_STANDARD_COMPILE_OPTION})
must_headers("C++23, in reverse" all_headers_reversed ${CMAKE_CXX23_STANDARD_COMPILE_OPTION})

# libc++ 19, where it is installed; its stop_token and jthread are experimental.
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND NOT CMAKE_CXX_COMPILER_VERSION VERSION_LESS 19)
  include(CheckCXXSourceCompiles)
  set(CMAKE_REQUIRED_FLAGS "-stdlib=libc++")
  set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
  check_cxx_source_compiles("#include <version>\nint version = _LIBCPP_VERSION;" MUST_HAS_LIBCXX)
  if(MUST_HAS_LIBCXX)
    must_headers("libc++" all_headers -stdlib=libc++ -fexperimental-library ${CMAKE_CXX20_STANDARD_COMPILE_OPTION})
    must_headers("libc++, C++23, in reverse" all_headers_reversed
      -stdlib=libc++ -fexperimental-library ${CMAKE_CXX23_STANDARD_COMPILE_OPTION})
  else()
    must_skip("headers: libc++" headers libc++ "libc++ 19 was not found")
  endif()
endif()

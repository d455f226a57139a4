# SPDX-License-Identifier: MIT
# All headers in one translation unit, in order and in reverse: of any two, each stands before the other in one of them.
# That every header compiles alone (all_verify_interface_header_sets) shows that none needs another before it, so these
# two show that none breaks what follows it. odr.cpp is the first of them in C++20, linked next to the tests.
separate_arguments(flags NATIVE_COMMAND "${CMAKE_CXX_FLAGS}")
get_target_property(warnings must_dev INTERFACE_COMPILE_OPTIONS)

# must_headers(<name> <order> <flag>...)
function(must_headers name order)
  add_test(NAME "headers: ${name}" COMMAND ${CMAKE_CXX_COMPILER} ${flags} ${warnings} ${ARGN}
    "-I$<JOIN:$<FILTER:$<TARGET_PROPERTY:must_test_support,INCLUDE_DIRECTORIES>,EXCLUDE,^/usr/include$>,;-I>"
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
  endif()
endif()
